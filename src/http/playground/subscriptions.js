/** The protocol that Playground speaks, which the service does not, and the one that it is turned into. */
const FORMER = 'graphql-ws';
const PRESENT = 'graphql-transport-ws';

const OUTGOING = { start: 'subscribe', stop: 'complete' };
const INCOMING = { next: 'data' };

// Loaded before Playground, which keeps the WebSocket that it finds then.
offerSubscriptions();

/** Lets the subscriptions of this page speak today’s protocol: names differ, and it waits for the acknowledgement. */
function offerSubscriptions() {
  window.WebSocket = class extends window.WebSocket {
    #early = [];
    #isAcknowledged = false;

    constructor(url, protocols) {
      super(url, [protocols].flat().includes(FORMER) ? PRESENT : protocols);
    }

    send(text) {
      const message = JSON.parse(text);
      const { type } = message;
      if (type === 'connection_terminate') return this.close(1000);
      const present = JSON.stringify({ ...message, type: OUTGOING[type] ?? type });
      if (this.#isAcknowledged || type === 'connection_init') super.send(present);
      else this.#early.push(present);
    }

    set onmessage(heard) {
      this.addEventListener('message', ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === 'ping') return super.send(JSON.stringify({ type: 'pong' }));
        for (const former of formerly(message)) heard({ data: JSON.stringify(former) });
        if (message.type !== 'connection_ack') return;
        this.#isAcknowledged = true;
        for (const early of this.#early.splice(0)) super.send(early);
      });
    }
  };
}

/** A message of the server as Playground knows it; it shows errors only as an answer, and listens on after that. */
function formerly(message) {
  const { id, type, payload } = message;
  if (type !== 'error') return [{ ...message, type: INCOMING[type] ?? type }];
  return [
    { id, type: 'data', payload: { errors: payload } },
    { id, type: 'complete' },
  ];
}
