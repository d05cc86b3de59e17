// What several views show: status marks, switches, tables, readouts.
import { h, s } from './dom.js';
import { ago, dayAndClock, moment } from './format.js';

// Each status has a shape of its own, so that colour only adds to it.
const shapes = {
  good: () => [s('circle', { cx: 6, cy: 6, r: 5, class: 'mark-full' })],
  work: () => [s('circle', { cx: 6, cy: 6, r: 4.4, class: 'mark-line' }),
    s('path', { d: 'M6 1.6a4.4 4.4 0 0 1 0 8.8z', class: 'mark-full' })],
  wait: () => [s('circle', { cx: 6, cy: 6, r: 4.4, class: 'mark-line' })],
  stop: () => [s('rect', { x: 2, y: 2, width: 8, height: 8, class: 'mark-full' })],
  off: () => [s('path', { d: 'M2 6h8', class: 'mark-line' })],
  bad: () => [s('path', { d: 'M6 .8 11.6 11H.4z', class: 'mark-full' })],
};

const kinds = {
  good: ['completed', 'ready', 'loaded', 'live', 'present', 'verified'],
  work: ['active', 'loading', 'unloading', 'cancelling', 'pausing', 'resuming', 'deleting', 'connecting', 'verifying', 'running'],
  wait: ['created', 'pending', 'unknown', 'queued'],
  stop: ['cancelled', 'paused', 'draining', 'stopped', 'locked'],
  off: ['deleted', 'disabled', 'not loaded', 'left', 'never'],
  bad: ['error', 'failed', 'lost', 'crashed', 'damaged'],
};
const kindOf = Object.fromEntries(Object.entries(kinds).flatMap(([kind, all]) => all.map((status) => [status, kind])));

export function mark(status, text = status) {
  const kind = kindOf[String(status).toLowerCase()] ?? 'wait';
  return h('span', { class: `mark mark-${kind}` },
    s('svg', { viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' }, shapes[kind]()), String(text).toLowerCase());
}

export function toggle({ label, on, busy, flip, key }) {
  return h('button',
    { type: 'button', class: 'switch', role: 'switch', 'aria-checked': String(on), 'aria-label': label, 'aria-busy': busy ? 'true' : null,
      onclick: flip, key },
    h('span', { class: 'switch-track', 'aria-hidden': 'true' }, h('span', { class: 'switch-knob' })),
    h('span', { class: 'switch-word', 'aria-hidden': 'true' }, on ? 'on' : 'off'));
}

export const when = (text) => (text ? h('time', { datetime: moment(text).toISOString(), title: dayAndClock(text) }, ago(text)) : '–');

const isEmpty = (content) => ['', '–', null, undefined].includes(content) || (Array.isArray(content) && content.every(isEmpty));
const cell = ({ name, class: kind }, content, isFirst) =>
  h(isFirst ? 'th' : 'td',
    { scope: isFirst ? 'row' : null, role: isFirst ? 'rowheader' : 'cell',
      class: [kind, isEmpty(content) ? 'void' : null].filter(Boolean).join(' ') || null, 'data-label': name },
    content);

// columns: [{name, class}]; rows: [{key, cells, class}], of which the first cell names the row.
// What is wider or longer than its place can be scrolled by keyboard, too.
function scrolls(node) {
  if (node.scrollWidth > node.clientWidth + 1 || node.scrollHeight > node.clientHeight + 1) node.setAttribute('tabindex', '0');
  else node.removeAttribute('tabindex');
}
export const frame = (label, kind, content) => h('div',
  { class: `table-frame ${kind}`.trim(), role: 'region', 'aria-label': label, after: scrolls }, content);

// On a narrow screen a row is a block, and each cell says its column's name.
export function table({ caption, columns, rows, empty }) {
  if (rows.length === 0) return h('p', { class: 'empty' }, empty);
  return frame(caption, '',
    h('table', { class: 'folds', role: 'table' },
      h('caption', { class: 'unseen' }, caption),
      h('thead', null, h('tr', null, columns.map((column) => h('th', { scope: 'col', class: column.class }, column.name)))),
      h('tbody', null,
        rows.map((row) => h('tr', { key: row.key, class: row.class, role: 'row' },
          row.cells.map((content, i) => cell(columns[i], content, i === 0)))))));
}

// Behind the value: words about it, or an element such as a bar.
export const readout = (label, value, ...notes) => h('div', { class: 'readout' }, h('dt', null, label),
  h('dd', null, value, notes.map((note) => (note instanceof Node || !note ? note : h('span', { class: 'note' }, note)))));
export const readouts = (...all) => h('dl', { class: 'readouts' }, all);

export function heading(title, lede, ...tools) {
  return h('header', { class: 'heading' }, h('div', null, h('h1', { tabindex: -1 }, title), lede ? h('p', { class: 'lede' }, lede) : null),
    tools.length ? h('div', { class: 'tools' }, tools) : null);
}

export const trouble = (error) => h('p', { class: 'trouble', role: 'alert' }, mark('error', 'not shown'), ' ', error.message);

// The state of an answer that has no value to show yet.
export function notYet(answer) {
  if (answer.error && answer.value === undefined) return trouble(answer.error);
  if (answer.value === undefined) return h('p', { class: 'empty', 'aria-busy': 'true' }, 'Asking the server …');
  return null;
}

export const bar = (share, label) => h('div',
  { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100,
    'aria-valuenow': Math.round(share * 100) },
  h('div', { class: 'bar-full', vars: { '--share': String(Math.max(0, Math.min(1, share))) } }));

// A hash in groups of eight, so that two can be compared by eye.
export const hash = (text) => h('code', { class: 'hash' },
  (text.match(/.{1,8}/g) ?? []).map((group, i) => [i ? ' ' : '', h('span', null, group)]));
