import { useEffect, useState } from 'preact/hooks';
import type { ColumnLook, SentTime, SentValue } from '../wire.ts';
import { sessionPage, targetPage } from './api.tsx';
import { Link } from './navigate.tsx';

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const;

/** `12 s ago`, `in 3 min`. */
export function ago(time: Date, now: number): string {
  const seconds = Math.round((now - time.getTime()) / 1_000);
  const size = Math.abs(seconds);
  if (size > 400 * 86_400 * 20) return seconds < 0 ? 'until somebody wakes it' : 'long ago';
  const [unit, name] = UNITS.find(([one]) => size >= one) ?? [1, 's'];
  const text = `${Math.floor(size / unit)} ${name}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

const tickers = new Set<() => void>();
setInterval(() => {
  if (!document.hidden) for (const tick of tickers) tick();
}, 1_000);

/** The time, as it goes by. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const tick = () => setNow(Date.now());
    tickers.add(tick);
    return () => void tickers.delete(tick);
  }, []);
  return now;
}

export function Time({ value }: { readonly value: SentTime }) {
  const now = useNow();
  return (
    <time dateTime={value.time} title={value.time.replace('T', ' ').replace('Z', ' UTC')}>
      {ago(new Date(value.time), now)}
    </time>
  );
}

const TONES: Readonly<Record<string, readonly string[]>> = {
  bad: [
    'stuck',
    'quarantined',
    'failed',
    'dead',
    'rejected',
    'interrupted',
    'unknown',
    'nobody sweeps',
    'unattended',
  ],
  warn: [
    'warning',
    'backs off',
    'backoff',
    'parked',
    'abandoned',
    'paused',
    'partial',
    'canceled',
    'superseded',
    'pending',
    'silent',
    'missing',
    'excluded',
    'blocked',
  ],
  busy: [
    'held',
    'working',
    'running',
    'progressing',
    'due',
    'started',
    'ready',
    'claimable',
    'initializing',
    'provided',
    'sync began',
    'wanted',
  ],
  good: [
    'finished',
    'ok',
    'completed',
    'alive',
    'free',
    'applied',
    'consumed',
    'swept',
    'runs',
    'done',
    'ended',
    'released',
    'success',
  ],
};

export function toneOf(word: string): string {
  const lower = word.toLowerCase();
  return Object.entries(TONES).find(([, words]) => words.includes(lower))?.[0] ?? 'plain';
}

/** A color beside the word, never instead of it. */
export const State = ({ word }: { readonly word: string }) => (
  <span class={`state ${toneOf(word)}`}>{word}</span>
);

export const isTime = (value: SentValue): value is SentTime => typeof value === 'object' && value !== null;

const numbers = new Intl.NumberFormat('en');

export function Cell({
  value,
  look = 'text',
}: {
  readonly value: SentValue;
  readonly look?: ColumnLook | undefined;
}) {
  if (value === null || value === '') return null;
  if (isTime(value)) return <Time value={value} />;
  if (look === 'number' && typeof value === 'number')
    return <span>{value > 999_999_999 ? String(value) : numbers.format(value)}</span>;
  const text = String(value);
  if (look === 'target') return <Link to={targetPage(text)}>{text}</Link>;
  if (look === 'session')
    return (
      <Link to={sessionPage(text)} title={text}>
        {text.slice(0, 8)}
      </Link>
    );
  if (look === 'state') return <State word={text} />;
  if (look === 'progress') return <Progress text={text} />;
  if (text.length > 120) return <LongText text={text} />;
  return <span>{text}</span>;
}

function LongText({ text }: { readonly text: string }) {
  return (
    <details class="long">
      <summary>{text.slice(0, 100)}…</summary>
      <pre>{text}</pre>
    </details>
  );
}

function Progress({ text }: { readonly text: string }) {
  const [done = '0', total = '?'] = text.split('/');
  const isKnown = /^\d+$/.test(total) && Number(total) > 0;
  return (
    <span class="progress">
      {isKnown && <progress value={Number(done)} max={Number(total)} aria-label={`${done} of ${total}`} />}
      <span>
        {numbers.format(Number(done))}
        {isKnown ? ` of ${numbers.format(Number(total))}` : ''}
      </span>
    </span>
  );
}
