// The variables of a dashboard: their values, and their place in queries, titles and links, as Grafana's Prometheus data
// source fills them in.

const ALL = '$__all';

/** Resolves every variable in order, since queries of later ones use earlier ones. `chosen` is what the URL would say. */
export async function resolve(dashboard, prometheus, chosen, builtin) {
  const variables = new Map();
  for (const definition of dashboard.templating.list) {
    variables.set(definition.name, await variable(definition, prometheus, chosen[definition.name], variables, builtin));
  }
  return variables;
}

async function variable(definition, prometheus, choice, variables, builtin) {
  const options = definition.type === 'query' ? await offered(definition, prometheus, variables, builtin) : fixed(definition);
  const current = choice ?? definition.current?.value;
  const isList = definition.multi || definition.includeAll;
  let value = [].concat(current ?? []);
  // Grafana keeps a value that isn't offered only for a list; else it takes the first.
  if (value.length === 0 || (!isList && options.length > 0 && !options.includes(value[0]))) {
    value = definition.includeAll ? [ALL] : options.slice(0, 1);
  }
  return { definition, options, value, isList, isAll: value[0] === ALL };
}

function fixed(definition) {
  if (definition.type === 'constant' || definition.type === 'textbox') return [definition.query];
  if (definition.type === 'datasource') return ['Prometheus'];
  return (definition.query ?? '').split(',').map((option) => option.trim());
}

/** The values that `label_values(series, label)`, `label_values(label)` or `query_result(query)` offer. */
async function offered(definition, prometheus, variables, builtin) {
  const query = interpolate(definition.definition ?? definition.query.query, { variables, builtin }, 'query');
  const labels = /^label_values\((?:(.*),\s*)?([\w.]+)\)$/.exec(query);
  let values;
  if (labels) {
    const series = labels[1] ? { 'match[]': labels[1] } : {};
    values = await prometheus.labelValues(labels[2], series);
  } else {
    const expression = /^query_result\((.*)\)$/.exec(query)?.[1];
    if (!expression) throw new Error(`$${definition.name}: ${query} is not understood`);
    const found = await prometheus.now(expression);
    values = found.map(({ metric, value }) => `${metric.__name__ ?? ''}${JSON.stringify(metric)} ${value[1]}`);
  }
  if (definition.regex) {
    const regex = new RegExp(definition.regex.replace(/^\/|\/$/g, ''));
    values = values.map((value) => regex.exec(value)).filter(Boolean).map((match) => match[1] ?? match[0]);
  }
  return [...new Set(values)].sort();
}

const forRegex = (value) => value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
const forString = (value) => value.replace(/\\/g, '\\\\').replace(/"/g, '\\"');

function inQuery(variable) {
  if (variable.isAll && variable.definition.allValue) return variable.definition.allValue;
  const values = variable.isAll ? variable.options : variable.value;
  if (!variable.isList) return forString(values[0] ?? '');
  return values.length === 1 ? forRegex(values[0]) : `(${values.map(forRegex).join('|')})`;
}

const shown = (variable) => (variable.isAll ? 'All' : variable.value.join(' + '));

function formatted(variable, format) {
  const values = variable.isAll ? [ALL] : variable.value;
  switch (format) {
    case 'queryparam':
      return values.map((value) => `var-${variable.definition.name}=${encodeURIComponent(value)}`).join('&');
    case 'percentencode':
      return encodeURIComponent(values.join(','));
    case 'regex':
      return values.map((value) => value.replace(/[$^*{}[\]'+?.()|\\/]/g, '\\$&')).join('|');
    case 'pipe':
      return values.join('|');
    case 'csv':
    case 'raw':
      return values.join(',');
    default:
      return shown(variable);
  }
}

/** Fills in `$name`, `${name}` and `${name:format}`. `use` is `query`, or `text` for titles and links. Unknown names stay. */
export function interpolate(text, { variables, builtin = {}, scoped = {} }, use) {
  if (typeof text !== 'string') return text;
  return text.replace(/\$(\w+)|\$\{(\w+)(?::(\w+))?\}/g, (found, plain, braced, format) => {
    const name = plain ?? braced;
    if (name in builtin) return builtin[name];
    const variable = variables.get(name);
    if (!variable) return found;
    const own = name in scoped ? { ...variable, value: [scoped[name]], isAll: false } : variable;
    if (format) return formatted(own, format);
    return use === 'query' ? inQuery(own) : shown(own);
  });
}

/** The values that a panel repeated by this variable has a copy for. */
export function repeated(variable) {
  return variable.isAll ? variable.options : variable.value;
}

/** What the picker above the dashboard shows; null if it is hidden. */
export function picked(variable) {
  if (variable.definition.hide === 2) return null;
  const [first, ...others] = variable.isAll ? ['All'] : variable.value;
  return { label: variable.definition.label || variable.definition.name, value: others.length ? `${first} (+${others.length})` : first };
}
