// Deployments, and the desk where the base and its adapters answer side by side.
import { path } from './api.js';
import { chat } from './chat.js';
import { h } from './dom.js';
import { heading, mark, notYet, table, when } from './parts.js';
import { items, use } from './store.js';

let chosen = '';

const adaptersOf = ({ adapters, lora_enabled: takesAny }) => (adapters?.length
  ? adapters.map(({ name, status, reason }) => h('span', { class: 'place', key: name, title: reason || null }, mark(status, name.split('--').pop())))
  : h('span', { class: 'soft' }, takesAny ? 'none' : 'takes none'));

export function deployments(page) {
  const all = use(path`/luthier/v1/state/deployment/${page.workspace}`, ['deployment']);
  const rows = items(all);
  const ready = rows.filter((row) => row.status === 'READY');
  const talking = ready.find((row) => row.id === chosen) ?? ready[0];
  return [
    heading('Deployments', 'Models that are served. Choose one below to ask it, and its adapters, the same question.'),
    notYet(all) ?? table({
      caption: 'Deployments',
      empty: 'Nothing is served yet. “luthier deployment create” serves a model.',
      columns: [{ name: 'Deployment' }, { name: 'Status' }, { name: 'Model' }, { name: 'Adapters', class: 'wide' }, { name: 'Where' },
        { name: 'Since', class: 'time' }],
      rows: rows.map((row) => ({
        key: row.id,
        class: row === talking ? 'chosen' : null,
        cells: [
          h('span', { class: 'name' }, row.name, page.workspace === '-' ? h('span', { class: 'note' }, row.workspace) : null),
          [mark(row.status), row.status === 'READY' ? null : h('p', { class: 'note under' }, row.reason || row.status_message)],
          row.model,
          adaptersOf(row),
          row.worker ? `${row.worker}, ${row.device}` : '–',
          when(row.status_history?.at(-1)?.timestamp ?? row.created_at),
        ],
      })),
    }),
    h('h2', { id: 'desk' }, 'Ask and compare'),
    talking
      ? chat(page, talking, ready, (id) => {
        chosen = id;
        page.draw();
      })
      : h('p', { class: 'empty' }, 'A deployment that is ready can be asked here.'),
  ];
}
