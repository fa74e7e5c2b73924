// The page's WebSocket. Its address is the page's own, whatever SiteURL says (docs/webapp.md A7).

const retryFirst = 500;
const retryLast = 15000;

export const live = {
  socket: null,
  stopped: false,
  wait: retryFirst,

  // onEvent gets every event, onLost is told when the connection is gone; it is tried again for ever (A8).
  start(onEvent, onLost) {
    this.socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v4/websocket`);
    this.socket.onmessage = ({ data }) => onEvent(JSON.parse(data));
    this.socket.onclose = () => {
      if (this.stopped) return;
      onLost();
      setTimeout(() => this.start(onEvent, onLost), this.wait);
      this.wait = Math.min(this.wait * 2, retryLast);
    };
  },

  // greeted is called at the server's hello; it tells whether the connection had been lost before.
  greeted() {
    const again = this.wait !== retryFirst;
    this.wait = retryFirst;
    return again;
  },

  stop() {
    this.stopped = true;
    this.socket?.close();
  },
};
