// Jobs, newest first: trainings, what clients run in their own name, and what the platform does for them.
import { h } from './dom.js';
import { between, duration, loss, number } from './format.js';
import { bar, heading, mark, notYet, table, when } from './parts.js';
import { path } from './api.js';
import { items, use } from './store.js';

export const isOver = (job) => ['completed', 'error', 'cancelled'].includes(job.status);
const followedMax = 6;  // running jobs whose steps are asked for

// What a running job tells of itself; null once it is over, or when nothing is known.
export function telling(job) {
  if (isOver(job) || job.status === 'created') return null;
  return use(path`/luthier/v1/jobs/${job.workspace}/${job.name}/metrics`, ['job'], { every: 2000 }).value ?? null;
}

export function stepOf(job, told) {
  const steps = told?.max_steps || job.inputs?.steps || 0;
  const step = job.status === 'completed' ? steps : Math.max(told?.step ?? 0, job.checkpoint_step ?? 0);
  return { step, steps };
}

function progress(job, told) {
  const { step, steps } = stepOf(job, told);
  if (!steps) return job.status === 'created' || job.status === 'pending' ? h('span', { class: 'note' }, 'waiting') : '';
  return [bar(step / steps, `Steps of ${job.name}`), h('span', { class: 'note figures' }, `${number(step)}\u202f/\u202f${number(steps)}`)];
}

const jobLink = (page, job) => [h('a', { class: 'name', href: `#/jobs/${job.workspace}/${encodeURIComponent(job.name)}` }, job.name),
  page.workspace === '-' ? h('span', { class: 'note' }, job.workspace) : null];

function trainingRow(page, job, told) {
  return {
    key: job.id,
    cells: [
      jobLink(page, job),
      mark(job.status),
      progress(job, told),
      loss(job.summary?.final_loss ?? told?.train_loss),
      [job.model, ' → ', job.output, h('span', { class: 'note' }, job.method),
        job.status === 'error' ? h('p', { class: 'reason under', title: job.reason }, job.reason) : null],
      job.started_at ? duration(between(job.started_at, job.ended_at ?? new Date().toISOString())) : '–',
      when(job.created_at),
    ],
  };
}

const otherRow = (page, job) => ({
  key: job.id,
  cells: [jobLink(page, job), mark(job.status), '', '',
    [h('span', { class: 'soft' }, `a job of ${job.source}`),
      job.error_details?.message ? h('p', { class: 'reason under' }, job.error_details.message) : null],
    '', when(job.created_at)],
});

// All but the readings of checkpoints that went well: the models' own lines show what came of them.
const tellingJobs = encodeURIComponent('{"$not":{"$and":[{"source":"models-system"},{"status":"completed"}]}}');

export function jobs(page) {
  const all = use(path`/luthier/v1/state/job/${page.workspace}`, ['job']);
  const trainings = items(all);
  const ids = new Set(trainings.map((job) => `platform-${job.id}`));
  const everything = use(`${path`/apis/jobs/v2/workspaces/${page.workspace}/jobs`}?page_size=200&filter=${tellingJobs}`, ['job', 'platform_job']);
  const others = items(everything).filter((job) => !ids.has(job.id));
  const sorted = [...trainings, ...others].toSorted((a, b) => b.created_at.localeCompare(a.created_at));
  const followed = new Set(trainings.filter((job) => !isOver(job)).slice(-followedMax));
  return [
    heading('Jobs', 'The newest first. A training opens to its loss curve and its log.'),
    notYet(all) ?? table({
      caption: 'Jobs',
      empty: 'No job yet. “luthier job start” starts one, and so does any client of the platform.',
      columns: [{ name: 'Job' }, { name: 'Status' }, { name: 'Steps', class: 'progress' }, { name: 'Loss', class: 'num' },
        { name: 'Trains', class: 'wide' }, { name: 'Took', class: 'num' }, { name: 'Begun', class: 'time' }],
      rows: sorted.map((job) =>
        (job.platform_spec ? otherRow(page, job) : trainingRow(page, job, followed.has(job) ? telling(job) : null))),
    }),
  ];
}
