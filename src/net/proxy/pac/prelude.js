// The functions of the PAC standard that are written in JavaScript. Called with `native`, which the script
// can't access: a script may redefine every function here, but only affects its own evaluation. The standard:
// MDN, "Proxy Auto-Configuration (PAC) file"; the functions in -Ex: Microsoft, "IPv6 Extensions to Navigator
// Auto-Config File Format". Where they leave a case open, this follows browsers.
(function (native) {
  const LONGEST = 4096; // no host, address or pattern is longer; what is cut here matches nothing
  const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
  const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
  const SystemDate = Date;

  // Saved before the script can redefine them.
  const cut = Function.prototype.call.bind(String.prototype.substring);
  const unicode = Function.prototype.call.bind(String.prototype.toWellFormed);
  const text = (value) => unicode(cut(`${value}`, 0, LONGEST));
  const isV4 = (address) => !address.includes(':');
  const lookup = (host) => native.lookup(text(host));
  const firstV4 = (addresses) => addresses.find(isV4);

  // ---- Hosts

  function isPlainHostName(host) {
    return !/[.:]/.test(text(host)); // an IPv6 address is no plain name either
  }

  function dnsDomainIs(host, domain) {
    return text(host).endsWith(text(domain));
  }

  function localHostOrDomainIs(host, fullName) {
    return text(host) === text(fullName) || text(fullName).startsWith(text(host) + '.');
  }

  function dnsDomainLevels(host) {
    return text(host).split('.').length - 1;
  }

  // ---- Names and addresses

  function dnsResolve(host) {
    return firstV4(lookup(host)) ?? null;
  }

  function isResolvable(host) {
    return dnsResolve(host) !== null;
  }

  function isInNet(host, pattern, mask) {
    const address = dnsResolve(host);
    return address !== null && native.inNet(address, text(pattern), text(mask));
  }

  function myIpAddress() {
    const own = native.own();
    return firstV4(own) ?? own[0] ?? '127.0.0.1';
  }

  function convert_addr(address) {
    return native.number(text(address));
  }

  function dnsResolveEx(host) {
    return lookup(host).join(';');
  }

  function isResolvableEx(host) {
    return lookup(host).length > 0;
  }

  // An address, or a list as from myIpAddressEx. Microsoft's examples pass a host.
  function isInNetEx(hosts, prefix) {
    const inPrefix = (address) => native.inPrefix(address, text(prefix));
    return text(hosts).split(';').some((host) => lookup(host).some(inPrefix));
  }

  function myIpAddressEx() {
    const own = native.own();
    const v6 = own.filter((address) => !isV4(address));
    return v6.concat(own.filter(isV4)).join(';');
  }

  function sortIpAddressList(list) {
    return native.sorted(text(list));
  }

  function getClientVersion() {
    return '1.0';
  }

  // ---- Patterns

  // `*` and `?`, and what browsers pass through to their regular expressions: `[characters]`, and `(this|that)`
  // of Netscape's shell expressions. If the result isn't a valid expression, everything but `*` and `?` is
  // literal.
  function shExpMatch(value, pattern) {
    const wild = (escaped) => escaped.replace(/\*/g, '[^]*').replace(/\?/g, '[^]');
    const whole = (body) => new RegExp(`^(?:${body})$`);
    const shell = text(pattern);
    let matcher;
    try {
      matcher = whole(wild(shell.replace(/[.+${}\\]/g, '\\$&')));
    } catch {
      matcher = whole(wild(shell.replace(/[.+${}\\^()[\]|]/g, '\\$&')));
    }
    return matcher.test(text(value));
  }

  // ---- Time

  // The arguments without a trailing "GMT", and the time as a date whose UTC fields are the requested ones.
  function moment(given) {
    const values = given.map(text);
    const utc = values.length > 1 && values[values.length - 1].toUpperCase() === 'GMT';
    if (utc) values.pop();
    const ahead = () => native.offset ?? -new SystemDate(native.now).getTimezoneOffset();
    return { values, date: new SystemDate(native.now + (utc ? 0 : ahead() * 60000)) };
  }

  // Compares lists of numbers of equal length, first element first.
  function compare(a, b) {
    const place = a.findIndex((number, i) => number !== b[i]);
    return place < 0 ? 0 : a[place] - b[place];
  }

  // Both bounds are inclusive. A range whose end precedes its beginning wraps around: from Friday to Monday.
  function within(from, now, to, around) {
    const begun = compare(from, now) <= 0;
    const over = compare(now, to) > 0;
    return compare(from, to) <= 0 || !around ? begun && !over : begun || !over;
  }

  // MDN documents ("FRI", "MON") as Friday and Monday only; browsers include the days between, and so does
  // this.
  function weekdayRange(...given) {
    const { values, date } = moment(given);
    const days = values.map((day) => DAYS.indexOf(day.toUpperCase()));
    if (days.length < 1 || days.length > 2 || days.includes(-1)) return false;
    return within([days[0]], [date.getUTCDay()], [days[days.length - 1]], true);
  }

  // The kind of a dateRange argument, by its place in a date: 0 a year, 1 a month, 2 a day.
  function datePart(value) {
    const month = MONTHS.indexOf(value.toUpperCase());
    if (month >= 0) return { place: 1, number: month };
    if (!/^\d+$/.test(value)) return null;
    const number = +value;
    return { place: number > 31 ? 0 : 2, number };
  }

  // One date, or two with the same parts: the first half is the beginning, the second the end.
  function dateRange(...given) {
    const { values, date } = moment(given);
    const parts = values.map(datePart);
    if (parts.length < 1 || parts.length > 6 || parts.includes(null)) return false;
    const places = (half) => half.map((part) => part.place).sort().join();
    const middle = parts.length / 2;
    const isRange = Number.isInteger(middle) && places(parts.slice(0, middle)) === places(parts.slice(middle));
    const [from, to] = isRange ? [parts.slice(0, middle), parts.slice(middle)] : [parts, parts];
    if (new Set(from.map((part) => part.place)).size !== from.length) return false;
    const inOrder = (half) => [...half].sort((a, b) => a.place - b.place);
    const numbers = (half) => inOrder(half).map((part) => part.number);
    const fields = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
    const now = inOrder(from).map((part) => fields[part.place]);
    return within(numbers(from), now, numbers(to), !from.some((part) => part.place === 0));
  }

  // Hours; hours and minutes; or hours, minutes and seconds. The last unit is included to its end: (9, 17) ends
  // with the hour that begins at 17:00, as in browsers.
  function timeRange(...given) {
    const { values, date } = moment(given);
    const numbers = values.map((value) => (/^\d+$/.test(value) ? +value : NaN));
    if (![1, 2, 4, 6].includes(numbers.length) || numbers.some(isNaN)) return false;
    const units = Math.ceil(numbers.length / 2);
    const now = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].slice(0, units);
    return within(numbers.slice(0, units), now, numbers.slice(-units), true);
  }

  // ---- The log

  function alert(message) {
    native.alert(text(message));
  }

  const standard = [
    isPlainHostName, dnsDomainIs, localHostOrDomainIs, dnsDomainLevels, dnsResolve, isResolvable, isInNet, myIpAddress,
    convert_addr, dnsResolveEx, isResolvableEx, isInNetEx, myIpAddressEx, sortIpAddressList, getClientVersion,
    shExpMatch, weekdayRange, dateRange, timeRange, alert,
  ];
  for (const helper of standard) globalThis[helper.name] = helper;
});
