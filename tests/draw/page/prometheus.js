// Prometheus' HTTP API, through the server of draw.mjs, which remembers answers.

async function call(path, parameters) {
  const response = await fetch(`/prometheus${path}`, { method: 'POST', body: new URLSearchParams(parameters).toString() });
  const answer = await response.json();
  if (answer.status !== 'success') throw new Error(answer.error);
  return answer.data;
}

/** The source at a moment, in milliseconds. */
export function source({ from, to }) {
  return {
    async now(query) {
      const data = await call('/api/v1/query', { query, time: to / 1000 });
      return data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
    },
    async range(query, step) {
      const aligned = (time) => (Math.floor(time / step) * step) / 1000;
      const range = { query, start: aligned(from), end: aligned(to), step: step / 1000 };
      return (await call('/api/v1/query_range', range)).result;
    },
    labelValues(label, series) {
      const parameters = new URLSearchParams({ ...series, start: from / 1000, end: to / 1000 });
      return fetch(`/prometheus/api/v1/label/${label}/values?${parameters}`)
        .then((response) => response.json())
        .then((answer) => answer.data);
    },
  };
}

/** A sample's value; "NaN" and "+Inf" are words in JSON. */
export function number(text) {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** Milliseconds of a duration such as `2m`. */
export function duration(text) {
  const [, count, unit] = /^(\d+)(ms|[smhdw])$/.exec(text);
  return Number(count) * UNITS[unit];
}

/** A duration as PromQL has it. */
export const written = (milliseconds) => `${Math.round(milliseconds)}ms`;

/** A query with its ranges divided: `[15m]` is `[15000ms]` where an hour takes a minute. */
export function hastened(query, times) {
  if (times === 1) return query;
  const divide = (text) => written(duration(text) / times);
  return query
    .replace(/\[(\d+(?:ms|[smhdw]))(?::(\d+(?:ms|[smhdw]))?)?\]/g, (_, range, step) =>
      `[${divide(range)}${step ? `:${divide(step)}` : ''}]`)
    .replace(/\boffset (\d+(?:ms|[smhdw]))\b/g, (_, offset) => `offset ${divide(offset)}`);
}
