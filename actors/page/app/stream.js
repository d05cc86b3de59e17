// Server-sent events out of an answer's body. The browser's own EventSource sends no token, and a chat's answer needs a POST.

// One event: {id, event, data}; `data` is undefined when only the place has moved on.
export class EventReader {
  #rest = '';
  #event = {};

  // The events that are whole once this text has come.
  take(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    const found = [];
    for (const line of lines) {
      if (line === '') {
        if (Object.keys(this.#event).length > 0) found.push(this.#event);
        this.#event = {};
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;  // a sign of life
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') this.#event.data = this.#event.data === undefined ? value : this.#event.data + '\n' + value;
      else this.#event[name] = value;
    }
    return found;
  }
}

export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const events = new EventReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* events.take(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
