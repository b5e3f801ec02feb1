// The time axis of what is imitated here.

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].map((seconds) => seconds * 1000);
const ROOM = 75; // pixels for one label
const EDGE = 26;

/** Height of the axis. */
export const AXIS = 24;

/** Labels under a plot that begins at `left` and is `width` wide. */
export function TimeAxis({ board, left, width }) {
  const { from, to } = board;
  const step = STEPS.find((candidate) => (to - from) / candidate <= width / ROOM) ?? STEPS.at(-1);
  const times = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) times.push(time);
  const word = (time) => new Date(time).toISOString().slice(11, step < 60000 ? 19 : 16);
  return (
    <div style={{ position: 'relative', height: AXIS, fontSize: 12 }}>
      {times.map((time) => {
        const x = left + ((time - from) / (to - from)) * width;
        if (x < left + EDGE || x > left + width - EDGE) return null; // it would hang over
        return <span key={time} style={{ position: 'absolute', left: x, top: 4, transform: 'translateX(-50%)' }}>{word(time)}</span>;
      })}
    </div>
  );
}
