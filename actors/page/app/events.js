// The event log: live, and as far back as somebody likes; with what was there at any position.
import { json } from './api.js';
import { h } from './dom.js';
import { clock, day, dayAndClock, moment, number, words } from './format.js';
import { frame, heading, notYet, trouble } from './parts.js';
import { past } from './past.js';
import { entityOf, live, use } from './store.js';

const pageSize = 60, rowsMax = 600;
const kinds = ['workspace', 'fileset', 'model', 'job', 'platform_job', 'deployment', 'worker', 'secret', 'record'];
const columns = { Position: 'num', Time: 'time', Event: null, Of: null, By: null, What: 'wide' };
const state = { kind: '', at: null, earlier: { key: '', events: [], next: null, asking: false, error: null } };

const typeOf = (event) => event.type.split('.')[1] ?? event.type;

function place({ workspace, entity, name }) {
  if (entity === 'job' || entity === 'platform_job') return `#/jobs/${workspace}/${encodeURIComponent(name)}`;
  return { model: '#/models', deployment: '#/deployments', workspace: '#/workspaces', worker: '#/workspaces' }[entity];
}

// What an event says, as far as it is short.
function gist(data) {
  const parts = [];
  for (const [name, value] of Object.entries(data ?? {})) {
    if (value === null || value === '' || typeof value === 'object') continue;
    const text = String(value);
    parts.push(h('span', { class: 'pair' }, h('span', { class: 'note' }, words(name).replaceAll('_', ' ')), ' ',
      text.length > 60 ? text.slice(0, 60) + '…' : text));
    if (parts.length === 4) break;
  }
  return parts;
}

function row(event) {
  const entity = entityOf(event);
  const href = place(entity);
  const name = entity.workspace === 'system' ? entity.name : `${entity.workspace}/${entity.name}`;
  return h('tr', { key: event.position, role: 'row' },
    h('th', { scope: 'row', role: 'rowheader', class: 'num' }, number(event.position)),
    h('td', { role: 'cell', class: 'time' },
      h('time', { datetime: moment(event.time).toISOString(), title: dayAndClock(event.time) }, clock(event.time))),
    h('td', { role: 'cell', class: 'type' }, words(typeOf(event))),
    h('td', { role: 'cell', class: 'of' }, href ? h('a', { href }, name) : name),
    h('td', { role: 'cell', class: 'by' }, event.principal),
    h('td', { role: 'cell', class: 'wide' },
      h('details', { class: 'event-data' },
        h('summary', null, gist(event.data).length ? gist(event.data) : h('span', { class: 'note' }, 'whole event')),
        h('pre', { class: 'lines' }, JSON.stringify(event, null, 2)))));
}

const dayRow = (name) => h('tr', { key: `day ${name}`, class: 'day' },
  h('th', { scope: 'rowgroup', colspan: 6 }, name === day(new Date().toISOString()) ? 'today, above' : `${name}, above`));

// Newest first; a line says where another day begins.
function rows(events) {
  const all = [];
  let last = null;
  for (const event of events) {
    const today = day(event.time);
    if (last !== null && today !== last) all.push(dayRow(last));
    last = today;
    all.push(row(event));
  }
  return all;
}

async function showEarlier(page, key, from, query) {
  const { earlier } = state;
  earlier.asking = true;
  page.draw();
  try {
    const answer = await json(`/luthier/v1/log?limit=${pageSize}&before=${from}&${query}`);
    if (earlier.key === key) {
      earlier.events = [...answer.items, ...earlier.events];
      earlier.next = answer.earlier;
      earlier.error = null;
    }
  } catch (error) {
    earlier.error = error;
  }
  earlier.asking = false;
  page.draw();
}

function shownEvents(page, answer, key) {
  const { earlier } = state;
  if (earlier.key !== key) state.earlier = { key, events: [], next: null, asking: false, error: null };
  const first = answer.value?.items ?? [];
  const last = first.at(-1)?.position ?? answer.value?.head ?? 0;
  const fits = (event) => {
    const entity = entityOf(event);
    const workspace = entity.entity === 'workspace' ? entity.name : entity.workspace;
    return event.position > last && (!state.kind || entity.entity === state.kind) && (page.workspace === '-' || workspace === page.workspace);
  };
  const heard = state.at === null ? live.recent.filter(fits) : [];
  return [...state.earlier.events, ...first, ...heard].slice(-rowsMax).reverse();
}

const earlierButton = (show) =>
  h('p', null, h('button', { type: 'button', id: 'earlier', disabled: state.earlier.asking, onclick: show }, 'Show earlier ones'));

export function events(page) {
  const wanted = { ...(page.workspace !== '-' && { workspace: page.workspace }), ...(state.kind && { entity: state.kind }) };
  const query = new URLSearchParams(wanted).toString();
  const url = `/luthier/v1/log?limit=${pageSize}${state.at === null ? '' : `&before=${state.at + 1}`}&${query}`;
  const answer = use(url);
  const shown = shownEvents(page, answer, url);
  const next = state.earlier.events.length ? state.earlier.next : answer.value?.earlier;
  const go = (at) => {
    state.at = at === null || at >= live.head ? null : Math.max(0, at);
    page.draw();
  };
  return [
    heading('Events', 'Everything that has happened, in the order in which it was written. The log is the truth; all else is made of it.',
      h('label', { class: 'field' }, h('span', { class: 'label' }, 'Kind'),
        h('select', { id: 'kind', value: state.kind, onchange: (event) => {
          state.kind = event.target.value;
          page.draw();
        } }, h('option', { value: '' }, 'all'), kinds.map((kind) => h('option', { value: kind, key: kind }, kind.replace('_', ' ')))))),
    past(page, state.at, go),
    h('h2', null, state.at === null ? 'As it comes' : `Up to position ${number(state.at)}`),
    notYet(answer) ?? frame('Events', '',
      h('table', { class: 'events', role: 'table' }, h('caption', { class: 'unseen' }, 'Events, the newest first'),
        h('thead', null, h('tr', null, Object.entries(columns).map(([name, kind]) => h('th', { scope: 'col', class: kind }, name)))),
        h('tbody', null, rows(shown)))),
    state.earlier.error ? trouble(state.earlier.error) : null,
    next && shown.length < rowsMax ? earlierButton(() => showEarlier(page, url, next, query)) : null,
  ];
}
