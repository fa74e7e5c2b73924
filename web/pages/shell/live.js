// The shell's own WebSocket: Mattermost's events as they happen.

const GREETING = 5000; // ms for the server's hello, which a bad session never gets (docs/mattermost.md G1)
const FIRST = 500; // ms before the first reconnect, doubled up to MOST
const MOST = 30_000;

// listen tells heard every event until signal aborts; silent is told where the
// server does not greet.
export function listen({ signal, heard, silent }) {
  let wait = FIRST;

  function connect() {
    if (signal.aborted) return;
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/v4/websocket`);
    const stop = () => socket.close();
    const hang = setTimeout(() => (silent(), stop()), GREETING);
    signal.addEventListener("abort", stop, { once: true });
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.event === "hello") {
        wait = FIRST;
        clearTimeout(hang);
      }
      if (!signal.aborted) heard(message);
    };
    socket.onclose = () => {
      clearTimeout(hang);
      signal.removeEventListener("abort", stop);
      setTimeout(connect, wait * (0.75 + Math.random() / 2)); // not everybody at once
      wait = Math.min(wait * 2, MOST);
    };
  }

  connect();
}
