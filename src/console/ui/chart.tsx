import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { SentSeries } from '../wire.ts';

interface ChartProps {
  readonly title: string;
  /** Seconds since 1970. */
  readonly slots: readonly number[];
  readonly series: readonly SentSeries[];
  /** The last slot says what is so now; else it is not over yet, and the one before it counts. */
  readonly isCurrent?: boolean;
}

const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shown = (value: number) =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);

function lastOf(values: readonly (number | null)[], isCurrent: boolean): string {
  const over = isCurrent ? values : values.slice(0, -1);
  const value = over.findLast((one) => one !== null) ?? values.at(-1);
  return value === null || value === undefined ? '–' : shown(value);
}

/** The last minutes of some values; the last ones stand beside it as text. */
export function Chart({ title, slots, series, isCurrent = false }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const names = series.map(({ name }) => name).join();
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const make = () => {
      chart.current?.destroy();
      const axis = {
        stroke: color('--quiet'),
        grid: { stroke: color('--line'), width: 1 },
        ticks: { show: false },
        font: '11px system-ui',
      };
      chart.current = new uPlot(
        {
          width: element.clientWidth,
          height: 120,
          cursor: { show: false },
          legend: { show: false },
          axes: [
            {
              ...axis,
              size: 26,
              space: 70,
              values: (_, all) => all.map((at) => new Date(at * 1_000).toTimeString().slice(0, 5)),
            },
            {
              ...axis,
              size: 44,
              space: 30,
              values: (_, all) => all.map((one) => (one >= 1_000 ? `${one / 1_000}k` : String(one))),
            },
          ],
          scales: { y: { range: (_, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
          series: [
            {},
            ...series.map(({ name }, i) => ({
              label: name,
              stroke: color(i === 0 ? '--series-1' : '--series-2'),
              width: 1.5,
              points: { show: true, size: 4 },
            })),
          ],
        },
        [[...slots], ...series.map(({ values }) => [...values])],
        element,
      );
    };
    make();
    const sizes = new ResizeObserver(() => {
      if (element.clientWidth > 0) chart.current?.setSize({ width: element.clientWidth, height: 120 });
    });
    sizes.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', make);
    return () => {
      sizes.disconnect();
      scheme.removeEventListener('change', make);
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [names]);
  useEffect(() => {
    chart.current?.setData([[...slots], ...series.map(({ values }) => [...values])]);
  }, [slots, series]);
  return (
    <figure class="chart">
      <figcaption>
        {title}
        {series.map(({ name, values }, i) => (
          <span key={name} class={`key series-${i + 1}`}>
            {name} <b>{lastOf(values, isCurrent)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}
