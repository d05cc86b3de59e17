// Whether the log is what was written: its head, its mark outside the database, and verification of the whole chain.
import { json } from './api.js';
import { h, say } from './dom.js';
import { dayAndClock, duration, between, number } from './format.js';
import { bar, hash, heading, mark, notYet, readout, readouts, trouble, when } from './parts.js';
import { changed, use } from './store.js';

const state = { refusal: null, wasRunning: false };

async function verify(page) {
  state.refusal = null;
  try {
    await json('/luthier/v1/audit/verify', { method: 'POST' });
    say('The log is being verified.');
    state.wasRunning = true;
  } catch (error) {
    state.refusal = error;
  }
  changed('audit');
  page.draw();
}

function verdict({ running, last }) {
  if (running) return h('div', { class: 'verdict' }, mark('verifying', 'verifying every record'),
    bar(running.total ? running.verified / running.total : 0, 'Verified'),
    h('span', { class: 'note figures' }, `${number(running.verified)}\u202f/\u202f${number(running.total)}`));
  if (!last) return h('div', { class: 'verdict' }, mark('never', 'not verified since the server was started'));
  return h('div', { class: 'verdict', id: 'verdict' },
    last.ok
      ? mark('verified', `verified: ${number(last.position)} records`)
      : mark('damaged', last.first_bad_position ? `does not verify at position ${number(last.first_bad_position)}` : 'does not verify'),
    h('span', { class: 'note' }, when(last.finished_at), `, in ${duration(between(last.started_at, last.finished_at))}`),
    last.findings.length ? h('ul', { class: 'findings' }, last.findings.map((finding) => h('li', null, finding))) : null,
    last.notes.length ? h('ul', { class: 'findings note' }, last.notes.map((note) => h('li', null, note))) : null);
}

function announce(value) {
  if (state.wasRunning && !value.running && value.last) {
    say(value.last.ok ? `The log verifies: ${value.last.position} records.` : 'The log does not verify.');
    state.wasRunning = false;
  }
}

export function audit(page) {
  const answer = use('/luthier/v1/audit', ['audit', '*'], state.wasRunning ? { every: 400 } : {});
  const value = answer.value;
  if (!value) return [heading('Audit', 'Is the log what was written?'), notYet(answer)];
  announce(value);
  return [
    heading('Audit', 'Each record carries the SHA-256 of the one before it. Whoever changes one byte changes every hash after it.',
      value.can_verify
        ? h('button', { type: 'button', class: 'main-button', id: 'verify', disabled: Boolean(value.running), onclick: () => verify(page) },
          value.running ? 'Verifying …' : 'Verify now')
        : null),
    state.refusal ? trouble(state.refusal) : null,
    verdict(value),
    readouts(
      readout('Records', number(value.head.position)),
      readout('Last written', value.head.time ? when(value.head.time) : '–'),
      readout('Marked outside', value.anchor ? number(value.anchor.position) : '–',
        value.anchor && value.anchor.position === value.head.position ? 'as the head' : null),
      readout('Verified at start', number(value.opened.position), dayAndClock(value.opened.at))),
    h('h2', null, 'Head'),
    h('dl', { class: 'facts facts-wide' },
      h('dt', null, 'Hash'), h('dd', null, hash(value.head.hash)),
      value.anchor ? [h('dt', null, 'Mark'), h('dd', null, hash(value.anchor.hash))] : null,
      value.log_id ? [h('dt', null, 'Log'), h('dd', null, h('code', null, value.log_id))] : null),
    h('p', { class: 'note' },
      'Write the hash down, or keep it elsewhere: with it, anybody can tell later that nothing before it was changed. ',
      '“luthier audit verify” checks a copy without a server.'),
  ];
}
