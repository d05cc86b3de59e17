// One job: its curve, what it was given, its attempts, and its log.
import { json, path } from './api.js';
import { lossChart } from './chart.js';
import { h, say } from './dom.js';
import { between, bytes, clock, duration, loss, number } from './format.js';
import { isOver, stepOf } from './jobs.js';
import { bar, heading, mark, notYet, readout, readouts, table, trouble, when } from './parts.js';
import { changed, items, use } from './store.js';

const linesMax = 500;
const state = { cancelling: '', refusal: null, follows: true };

async function cancel(page, job) {
  state.cancelling = job.id;
  state.refusal = null;
  page.draw();
  try {
    await json(path`/apis/jobs/v2/workspaces/${job.workspace}/jobs/${job.name}/cancel`, { method: 'POST' });
    say(`Job ${job.name} is being cancelled.`);
  } catch (error) {
    state.refusal = error;
  }
  state.cancelling = '';
  changed('job');
  page.draw();
}

const cancelButton = (page, job) => (isOver(job)
  ? null
  : h('button', { type: 'button', disabled: state.cancelling === job.id, onclick: () => cancel(page, job) }, 'Cancel the job'));

function figures(job, told) {
  const { step, steps } = stepOf(job, told);
  const summary = job.summary ?? {};
  const took = job.started_at ? between(job.started_at, job.ended_at ?? new Date().toISOString()) : NaN;
  return readouts(
    readout('Status', mark(job.status)),
    steps ? readout('Step', number(step), `of ${number(steps)}`, bar(step / steps, 'Steps done')) : readout('Step', '–'),
    readout('Training loss', loss(summary.final_loss ?? told?.train_loss)),
    readout('Validation loss', loss(summary.validation_loss ?? told?.val_loss)),
    readout('Tokens a second',
      number(told?.tokens_per_second ?? (summary.tokens && summary.seconds ? summary.tokens / summary.seconds : NaN))),
    isOver(job)
      ? readout('Took', duration(took))
      : readout('Left', duration(told?.seconds_left ?? NaN), Number.isFinite(took) ? `after ${duration(took)}` : null));
}

const fact = (name, value) => (value === undefined || value === null || value === '' ? null : [h('dt', null, name), h('dd', null, value)]);

function facts(job) {
  const config = job.config ?? {}, inputs = job.inputs ?? {};
  const lora = config.lora ?? config;
  return h('dl', { class: 'facts' },
    fact('Model', job.model), fact('Dataset', job.dataset), fact('Method', job.method),
    fact('Output', [job.output, job.output_kind ? h('span', { class: 'note' }, job.output_kind) : null]),
    fact('Rows', inputs.rows ? `${number(inputs.rows)}${inputs.rows_left_out ? `, ${number(inputs.rows_left_out)} left out` : ''}` : null),
    fact('Tokens', inputs.tokens ? `${number(inputs.tokens)}, ${number(inputs.supervised_tokens)} of them learnt from` : null),
    fact('Epochs', config.epochs), fact('Batch size', config.batch_size), fact('Learning rate', config.learning_rate),
    fact('Rank', lora.r ?? lora.rank), fact('Alpha', lora.alpha),
    fact('Memory', inputs.memory_bytes ? bytes(inputs.memory_bytes) : null), fact('Engine', inputs.engine_version),
    fact('Waited', Number.isFinite(job.waited_seconds) ? duration(job.waited_seconds) : null));
}

const attempts = (job) => table({
  caption: 'Attempts',
  empty: 'It has not been placed on a worker yet.',
  columns: [{ name: 'Attempt', class: 'num' }, { name: 'Outcome' }, { name: 'Worker, device' }, { name: 'From step', class: 'num' },
    { name: 'Placed', class: 'time' }],
  rows: (job.attempts ?? []).map((attempt) => ({
    key: attempt.attempt,
    cells: [attempt.attempt,
      [mark(attempt.outcome || (attempt.started_at ? 'running' : 'pending')),
        attempt.reason ? h('p', { class: 'note under' }, attempt.reason) : null],
      `${attempt.worker}, ${attempt.device}`, number(attempt.resumed_from_step), when(attempt.placed_at)],
  })),
});

function noLines({ value, error }) {
  if (value || error?.status === 404) return 'No line of its log is kept.';
  return error ? error.message : 'Asking the server …';
}

function log(page, job) {
  const every = isOver(job) ? undefined : 2000;
  const answer = use(`${path`/apis/jobs/v2/workspaces/${job.workspace}/jobs/${job.name}/logs`}?limit=${linesMax}`, ['job'], { every });
  const lines = items(answer);
  const more = (answer.value?.total ?? 0) - lines.length;
  if (lines.length === 0) return [h('h2', null, 'Log'), h('p', { class: 'empty' }, noLines(answer))];
  const follow = (node) => { if (state.follows) node.scrollTop = node.scrollHeight; };
  const onscroll = ({ currentTarget: node }) => { state.follows = node.scrollHeight - node.scrollTop - node.clientHeight < 24; };
  const content = h('pre', { class: 'lines', tabindex: 0, 'aria-label': `Log of ${job.name}`, role: 'region', after: follow, onscroll },
    lines.map((line, i) => h('span', { class: 'line', key: i }, h('span', { class: 'line-time' }, clock(line.timestamp)), ` ${line.message}\n`)));
  return [h('h2', null, 'Log'), content,
    more > 0 ? h('p', { class: 'note' }, `${number(more)} more lines: “luthier job logs ${job.name}” shows all.`) : null];
}

// A job that a client runs in its own name, or the platform beside trainings: its steps, as far as they have come.
function otherJob(page, workspace, name) {
  const answer = use(path`/apis/jobs/v2/workspaces/${workspace}/jobs/${name}/status`, ['job', 'platform_job']);
  const title = heading(name, h('a', { href: '#/jobs' }, 'All jobs'));
  if (answer.error?.status === 404) return [title, h('p', { class: 'empty' }, `There is no job ${workspace}/${name} now.`)];
  const status = answer.value;
  if (!status) return [title, notYet(answer)];
  const one = { ...status, workspace };
  return [
    heading(name, ['A job of steps. ', h('a', { href: '#/jobs' }, 'All jobs')],
      cancelButton(page, one)),
    state.refusal ? trouble(state.refusal) : null,
    readouts(readout('Status', mark(status.status)), readout('Steps', number(status.steps.length)),
      readout('Made', when(status.created_at))),
    table({
      caption: 'Steps',
      empty: 'No step has begun.',
      columns: [{ name: 'Step' }, { name: 'Status' }, { name: 'What it tells', class: 'wide' }, { name: 'Changed', class: 'time' }],
      rows: status.steps.map((step) => ({ key: step.id,
        cells: [h('span', { class: 'name' }, step.name), mark(step.status),
          step.error_details?.message ?? step.status_details?.message ?? '', when(step.updated_at)] })),
    }),
    log(page, one),
  ];
}

export function job(page) {
  const [workspace, name] = page.rest;
  const all = use(path`/luthier/v1/state/job/${workspace}`, ['job']);
  const one = items(all).find((row) => row.name === name);
  if (!one) return all.value ? otherJob(page, workspace, name) : [heading(name, 'A job'), notYet(all)];
  const told = use(path`/luthier/v1/jobs/${workspace}/${name}/metrics`, ['job'], isOver(one) ? {} : { every: 1000 });
  const metrics = told.value?.metrics ?? {};
  return [
    heading(name, [one.description || `Trains ${one.output} from ${one.model}.`, ' ', h('a', { href: '#/jobs' }, 'All jobs')],
      cancelButton(page, one)),
    state.refusal ? trouble(state.refusal) : null,
    one.reason && one.status !== 'completed' ? h('p', { class: 'trouble' }, mark(one.status), ' ', one.reason) : null,
    figures(one, told.value),
    lossChart({
      key: one.id, label: name, train: metrics.train_loss ?? [], validation: metrics.val_loss ?? [],
      checkpoints: (one.checkpoints ?? []).map((checkpoint) => checkpoint.step),
      maxStep: isOver(one) ? 0 : told.value?.max_steps, width: page.width, redraw: page.draw,
    }),
    h('div', { class: 'columns' }, h('section', null, h('h2', null, 'What it was given'), facts(one)),
      h('section', null, h('h2', null, 'Attempts'), attempts(one))),
    log(page, one),
  ];
}
