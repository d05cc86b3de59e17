// The scale on which a position is chosen, and the state as it was there, beside what has become of it.
import { path } from './api.js';
import { h } from './dom.js';
import { dayAndClock, number } from './format.js';
import { mark, notYet, table } from './parts.js';
import { items, live, use } from './store.js';

const settleTime = 250;  // while the knob moves, nothing is asked
const lists = {
  model: { title: 'Models',
    columns: [['Model', (row) => row.name], ['Kind', (row) => row.spec?.family ?? ''], ['Adapters', (row) => (row.adapters ?? []).length],
      ['Fileset', (row) => row.fileset]] },
  adapter: { title: 'Adapters',
    columns: [['Adapter', (row) => row.name], ['Switch', (row) => (row.enabled ? mark('live', 'on') : mark('disabled', 'off'))],
      ['Of model', (row) => row.model], ['Method', (row) => row.finetuning_type]] },
  job: { title: 'Jobs',
    columns: [['Job', (row) => row.name], ['Status', (row) => mark(row.status)], ['Model', (row) => row.model],
      ['Attempt', (row) => row.attempt], ['Checkpoint', (row) => number(row.checkpoint_step)]] },
  deployment: { title: 'Deployments',
    columns: [['Deployment', (row) => row.name], ['Status', (row) => mark(row.status)], ['Model', (row) => row.model],
      ['Adapters', (row) => (row.adapters ?? []).map((adapter) => `${adapter.name} ${adapter.status}`).join(', ')]] },
  fileset_head: { title: 'Filesets',
    columns: [['Fileset', (row) => row.name], ['Purpose', (row) => row.purpose], ['Files', (row) => number(row.file_count)]] },
  workspace: { title: 'Workspaces', columns: [['Workspace', (row) => row.name], ['Members', (row) => (row.members ?? []).length]] },
  worker: { title: 'Workers',
    columns: [['Worker', (row) => row.name], ['State', (row) => mark(row.draining ? 'draining' : row.status)],
      ['Host', (row) => row.host]] },
};
const state = { list: 'model', knob: null, timer: 0 };

function turn(go, page, value) {
  state.knob = value;
  clearTimeout(state.timer);
  state.timer = setTimeout(() => {
    state.knob = null;
    go(value);
  }, settleTime);
  page.draw();
}

function since(row, now) {
  if (!now) return mark('deleted', 'gone since');
  return now.position === row.position ? mark('present', 'as now') : mark('active', 'changed since');
}

function stateTable(page, at) {
  const { title, columns } = lists[state.list];
  const url = path`/luthier/v1/state/${state.list}/${page.workspace}`;
  const then = use(`${url}?at=${at}`);
  const now = use(url, [state.list === 'adapter' ? 'model' : state.list === 'fileset_head' ? 'fileset' : state.list]);
  const today = new Map(items(now).map((row) => [row.id, row]));
  const rows = items(then);
  const added = now.value ? items(now).filter((row) => !rows.some((old) => old.id === row.id)).length : 0;
  return [
    h('p', { class: 'note' }, then.value?.time ? `That was ${dayAndClock(then.value.time)}.` : at === 0 ? 'Before the first event.' : ''),
    notYet(then) ?? [
      table({
        caption: `${title} at position ${at}`,
        empty: `There were no ${title.toLowerCase()} then.`,
        columns: [...columns.map(([name]) => ({ name })), { name: 'Since then' }],
        rows: rows.map((row) => ({ key: row.id,
          cells: [...columns.map(([, cell], i) => (i === 0 ? h('span', { class: 'name' }, cell(row)) : cell(row))),
            since(row, today.get(row.id))] })),
      }),
      added ? h('p', { class: 'note' }, `${added} more ${added === 1 ? 'was' : 'were'} made since.`) : null,
    ],
  ];
}

function scaleOf(page, at, go, shown) {
  const ends = { min: 0, max: live.head, value: shown };
  return h('div', { class: 'scale' },
    h('label', { class: 'label', for: 'scale' }, 'Look at position'),
    h('input', {
      type: 'range', id: 'scale', ...ends,
      'aria-valuetext': shown >= live.head ? 'now' : `position ${shown} of ${live.head}`,
      vars: { '--share': String(live.head ? shown / live.head : 1) },
      after: (node) => { node.value = shown; },
      oninput: (event) => turn(go, page, Number(event.target.value)),
    }),
    h('input', {
      type: 'number', id: 'at', class: 'figures', ...ends, 'aria-label': 'Position as a number',
      onchange: (event) => turn(go, page, Number.parseInt(event.target.value, 10) || 0),
    }),
    h('button', { type: 'button', id: 'now', disabled: at === null && state.knob === null, onclick: () => go(null) }, 'Now'));
}

const choice = (page, name, title) => h('label', { key: name },
  h('input', {
    type: 'radio', name: 'past-list', value: name, checked: state.list === name,
    after: (node) => { node.checked = state.list === name; },
    onchange: () => {
      state.list = name;
      page.draw();
    },
  }),
  h('span', null, title));

export function past(page, at, go) {
  return h('section', { class: 'past', 'aria-label': 'Position' },
    scaleOf(page, at, go, state.knob ?? at ?? live.head),
    at === null ? null : [
      h('h2', null, `As it was at position ${number(at)}`),
      h('fieldset', { class: 'segments' }, h('legend', { class: 'unseen' }, 'What to show'),
        Object.entries(lists).map(([name, { title }]) => choice(page, name, title))),
      stateTable(page, at),
    ]);
}
