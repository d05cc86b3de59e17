// What the page knows: answers of the server, asked again when an event of the log says that they have changed. A view asks for
// what it shows each time it is drawn; what no view has asked for lately is forgotten.
import { ask, json, token } from './api.js';
import { say } from './dom.js';
import { eventsOf } from './stream.js';

const recentMax = 500;
const settleTime = 120;  // a command's events come together: one question serves them all

const answers = new Map();
let drawing = 0;
let redraw = () => {};

export const live = {
  state: 'connecting',  // 'live', 'lost', 'locked'
  head: 0,              // the last position that is known
  last: null,           // the last event that was heard
  recent: [],           // events heard since the page was opened, oldest first
};

export function start(draw) {
  redraw = draw;
  token.listen((what) => {
    if (what !== 'changed') return;
    askAll();
    rest.wake();
  });
  follow();
}

export function beginDrawing() {
  ++drawing;
}

export function endDrawing() {
  for (const [key, answer] of answers) if (answer.drawing < drawing - 50 && !answer.timer) answers.delete(key);
}

class Answer {
  value = undefined;
  error = null;
  loading = false;
  timer = 0;
  drawing = 0;
  #isAskedAgain = false;

  constructor(url, entities) {
    this.url = url;
    this.entities = entities;
  }

  async load() {
    if (this.loading) {
      this.#isAskedAgain = true;
      return;
    }
    this.loading = true;
    try {
      this.value = await json(this.url);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.loading = false;
    redraw();
    if (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      this.soon(settleTime);
    }
  }

  soon(milliseconds) {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (this.drawing >= drawing - 1) this.load();
      else answers.delete(this.url);
    }, milliseconds);
  }
}

// The answer of a GET: {value, error, loading}. `entities`: whose events change it. `every`: also asked again after so many ms.
export function use(url, entities = [], { every } = {}) {
  let answer = answers.get(url);
  if (!answer) {
    answers.set(url, (answer = new Answer(url, entities)));
    answer.drawing = drawing;
    answer.load();
  }
  answer.drawing = drawing;
  if (every && !answer.loading && !document.hidden) answer.soon(every);
  return answer;
}

export const items = (answer) => answer.value?.data ?? answer.value?.items ?? [];

// Asks again for everything that is about this kind of entity.
export function changed(entity) {
  for (const answer of answers.values()) if (answer.entities.includes(entity)) answer.soon(settleTime);
}

function askAll() {
  for (const answer of answers.values()) answer.soon(0);
}

// "/workspaces/default/models/smol" -> {workspace, entity, name}
export function entityOf(event) {
  const [, , workspace = '', plural = '', ...name] = event.source.split('/');
  return { workspace, entity: plural.replace(/s$/, ''), name: name.join('/') };
}

function hear(event) {
  live.head = Math.max(live.head, event.position);
  live.last = event;
  live.recent.push(event);
  if (live.recent.length > recentMax) live.recent.splice(0, live.recent.length - recentMax);
  const { entity } = entityOf(event);
  changed(entity);
  if (entity === 'model') changed('adapter');
  changed('*');
  redraw();
}

function setState(state) {
  if (live.state === state) return;
  if (state === 'lost') say('The connection to the server is lost. Trying again.');
  if (state === 'live' && live.state === 'lost') say('Connected again.');
  live.state = state;
  redraw();
}

// A browser has few connections to one server, and pages that nobody looks at must not use them up.
const rest = { halt: null, timer: 0, isWanted: false, wake: () => {} };
const restAfter = 20_000;

function beginRest() {
  rest.isWanted = true;
  rest.halt?.abort();
}

function endRest() {
  clearTimeout(rest.timer);
  rest.isWanted = false;
  rest.wake();
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) rest.timer = setTimeout(beginRest, restAfter);
  else endRest();
});
addEventListener('pagehide', beginRest);
addEventListener('pageshow', endRest);

// Follows the log for as long as the page is looked at, and resumes where it was.
async function follow() {
  let place = '';
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    if (rest.isWanted) await new Promise((resolve) => { rest.wake = resolve; });
    rest.halt = new AbortController();
    let refusal = 0;
    try {
      const response = await ask('/luthier/v1/events',
        { signal: rest.halt.signal, headers: { Accept: 'text/event-stream', ...(place && { 'Last-Event-ID': place }) } });
      for await (const { id, event, data } of eventsOf(response)) {
        wait = 500;
        if (event === 'here') {
          const here = JSON.parse(data);
          live.head = here.head;
          // What was asked for before the stream began may be older than it; and after a gap in the log everything may be.
          if (place === '' || Number(place) > here.position) askAll();
          setState('live');
        } else if (data !== undefined) {
          hear(JSON.parse(data));
        }
        if (id) place = id;
        live.head = Math.max(live.head, Number(place));
      }
      if (live.state === 'live') wait = 250;  // it ended in order: the server wants to see the token again, or stops
    } catch (error) {
      refusal = error.status;
    }
    if (rest.isWanted) continue;
    if (refusal === 401) setState('locked');  // the dialog says the rest
    else if (wait > 500 || live.state !== 'live') setState('lost');
    await new Promise((resolve) => {
      rest.wake = resolve;  // another token, or somebody who looks again, need not wait
      setTimeout(resolve, wait);
    });
  }
}
