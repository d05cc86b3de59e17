// Numbers, sizes and times as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
export const number = (value) => (Number.isFinite(value) ? whole.format(value).replaceAll(',', '\u202f') : '–');

// 134515008 -> "134.5 M"
export function count(value) {
  if (!Number.isFinite(value)) return '–';
  for (const [size, unit] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'k']])
    if (value >= size) return `${(value / size).toFixed(value / size < 100 ? 1 : 0)}\u202f${unit}`;
  return String(value);
}

export function bytes(value) {
  if (!Number.isFinite(value)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; value >= 1024 && i < units.length - 1; ++i) value /= 1024;
  return `${i === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}\u202f${units[i]}`;
}

export const loss = (value) => (Number.isFinite(value) ? value.toFixed(value < 10 ? 4 : 2) : '–');

// Times of the contract have no zone and mean UTC.
export const moment = (text) => (text ? new Date(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : text + 'Z') : null);

const pad = (value) => String(value).padStart(2, '0');
export function clock(text) {
  const time = moment(text);
  return time ? `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}` : '–';
}
export function day(text) {
  const time = moment(text);
  return time ? `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}` : '–';
}
export const dayAndClock = (text) => (text ? `${day(text)} ${clock(text)}` : '–');

export function duration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)}\u202fms`;
  if (seconds < 10) return `${seconds.toFixed(1)}\u202fs`;
  if (seconds < 90) return `${Math.round(seconds)}\u202fs`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes}\u202fmin`;
  return `${Math.floor(minutes / 60)}\u202fh ${pad(minutes % 60)}\u202fmin`;
}

export const between = (from, to) => (from && to ? (moment(to) - moment(from)) / 1000 : NaN);

export function ago(text, now = Date.now()) {
  const time = moment(text);
  if (!time) return '–';
  const seconds = (now - time) / 1000;
  if (seconds < 5) return 'just now';
  if (seconds < 90 * 60) return `${duration(Math.max(10, seconds))} ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)}\u202fh ago`;
  return `${Math.round(seconds / 86400)}\u202fdays ago`;
}

// JobAttemptStarted -> "job attempt started"
export const words = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();

export const short = (text, length = 12) => (text && text.length > length ? text.slice(0, length) + '…' : text ?? '');
