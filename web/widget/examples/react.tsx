// A wrapper for React 19. The element arrives after the first render, and until then
// React sets attributes: what is no text goes onto the element itself, which finds it.

import { useEffect, useRef } from "react";
import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { ChatError, ChatNotification, CredentialsSource, MattermostChat, Unread } from "matterpass-widget";

type ChatAttributes = Partial<Pick<MattermostChat, "server" | "subject" | "email" | "channel" | "theme" | "locale" | "label" | "lazy" | "sandbox">>;

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "mattermost-chat": DetailedHTMLProps<HTMLAttributes<MattermostChat>, MattermostChat> & ChatAttributes;
    }
  }
}

export interface ChatProps {
  server: string;
  subject: string;
  credentials: CredentialsSource;
  channel?: string;
  onUnread?: (unread: Unread) => void;
  onNotification?: (notification: ChatNotification, open: () => void) => void;
  onError?: (error: ChatError) => void;
}

export function Chat({ server, subject, credentials, channel, onUnread, onNotification, onError }: ChatProps) {
  const element = useRef<MattermostChat>(null);

  // From the chat host, so that element and shell are always of one version.
  useEffect(() => void import(/* @vite-ignore */ `${server}/widget/v1/matterpass.js`), [server]);

  useEffect(() => {
    if (element.current) element.current.credentials = credentials;
  }, [credentials]);

  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    element.current?.addEventListener("unread", ({ detail }) => onUnread?.(detail), { signal });
    element.current?.addEventListener("notification", ({ detail }) => onNotification?.(detail, () => element.current?.open(detail.target)), { signal });
    element.current?.addEventListener("error", (event) => onError?.(event.detail), { signal });
    return () => leaving.abort();
  }, [onUnread, onNotification, onError]);

  return <mattermost-chat ref={element} server={server} subject={subject} channel={channel} style={{ height: "40rem" }} />;
}
