import { useEffect, useState } from 'preact/hooks';
import type { Drawing, SentEvent, SentTarget, SentTimeline, SentValue, SentValues } from '../wire.ts';
import { Offers } from './actions.tsx';
import { get, queryOf, sessionPage, targetPage, useLive } from './api.tsx';
import { Diagram } from './diagram.tsx';
import { Heading } from './heading.tsx';
import { Link } from './navigate.tsx';
import { Cell, State, Time } from './values.tsx';

export function TargetPage({ name, from }: { readonly name: string; readonly from: string | null }) {
  const { data, problem, isLive } = useLive<SentTarget>(`target${queryOf({ name })}`);
  const title = data?.facts.find((fact) => fact.title !== undefined)?.title;
  return (
    <>
      <Heading title={title ?? name} isLive={isLive} problem={problem}>
        {title !== undefined && <span class="quiet">{name}</span>}
      </Heading>
      {data && <Known target={data} />}
      <TimeLine name={name} from={from} changed={JSON.stringify(data?.facts ?? null)} />
    </>
  );
}

function Known({ target }: { readonly target: SentTarget }) {
  const { state, verdict, findings, facts } = target;
  return (
    <>
      <p class={`verdict ${state}`}>
        <State word={state} /> {verdict}
      </p>
      {findings.length > 1 && (
        <ul class="findings">
          {findings.map(({ state: word, subject, text }) => (
            <li key={subject + text}>
              <State word={word} /> <b>{subject}</b> {text}
            </li>
          ))}
        </ul>
      )}
      {facts.map(({ face, rows, offers = [], drawings = [] }) => (
        <section key={face} class="face" aria-labelledby={`face-${face}`}>
          <h2 id={`face-${face}`}>{face}</h2>
          {rows.map((row, i) => (
            <Facts key={i} row={row} />
          ))}
          <Offers offers={offers} />
          {drawings.map((drawing) => (
            <Drawn
              key={drawing}
              target={target.target}
              face={face}
              drawing={drawing}
              state={JSON.stringify(rows)}
            />
          ))}
        </section>
      ))}
    </>
  );
}

const LOOKS: Readonly<Record<string, 'state' | 'session'>> = {
  state: 'state',
  session: 'session',
  'last end': 'state',
  'last run': 'state',
  result: 'state',
};

function Facts({ row }: { readonly row: SentValues }) {
  const shown = Object.entries(row).filter(
    (one): one is [string, Exclude<SentValue, null>] => one[1] !== null,
  );
  return (
    <dl class="facts">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Cell value={value} look={LOOKS[name] ?? 'text'} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface DrawnProps {
  readonly target: string;
  readonly face: string;
  readonly drawing: string;
  /** It is drawn anew when this changes. */
  readonly state: string;
}

function Drawn({ target, face, drawing, state }: DrawnProps) {
  const [drawn, setDrawn] = useState<Drawing | null>(null);
  useEffect(() => {
    get<Drawing | null>(`drawing${queryOf({ name: target, face, drawing })}`).then(setDrawn, () => {});
  }, [target, face, drawing, state]);
  return drawn && <Diagram name={drawing} drawing={drawn} />;
}

interface TimeLineProps {
  readonly name: string;
  readonly from: string | null;
  readonly changed: string;
}

function TimeLine({ name, from, changed }: TimeLineProps) {
  const path = (position: string | null) => `timeline${queryOf({ name, from: position })}`;
  const [first, setFirst] = useState<SentTimeline>();
  const [more, setMore] = useState<SentTimeline>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    get<SentTimeline>(path(from)).then(setFirst, (error: Error) => setProblem(error.message));
  }, [name, from, changed]);
  const next = more ? more.next : (first?.next ?? null);
  const events = [...(first?.events ?? []), ...(more?.events ?? [])];
  const load = () =>
    get<SentTimeline>(path(next)).then(
      (page) => setMore({ events: [...(more?.events ?? []), ...page.events], next: page.next }),
      (error: Error) => setProblem(error.message),
    );
  return (
    <section class="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title">What happened, the newest first</h2>
      {from !== null && (
        <p>
          <Link to={targetPage(name)}>Begin with the newest</Link>
        </p>
      )}
      {problem !== undefined && (
        <p class="failure" role="alert">
          {problem}
        </p>
      )}
      {first && events.length === 0 && <p class="none">Nothing is in the history.</p>}
      <ol>
        {events.map((event) => (
          <Happened
            key={event.from + event.at.time + event.subject + event.event}
            name={name}
            event={event}
          />
        ))}
      </ol>
      {next !== null && (
        <button type="button" class="more" onClick={load}>
          Go on
        </button>
      )}
    </section>
  );
}

function Happened({ name, event }: { readonly name: string; readonly event: SentEvent }) {
  const { at, since, subject, event: word, cause, token, sessionId, from } = event;
  const took = since && Date.parse(at.time) - Date.parse(since.time);
  return (
    <li>
      <Link to={targetPage(name, from)} class="at" title="a link to this line">
        <Time value={at} />
      </Link>
      <span class="what">
        <b>{subject}</b> <State word={word} /> {cause}
      </span>
      <span class="claim">
        {took !== null &&
          took !== undefined &&
          `after ${took < 10_000 ? `${took} ms` : `${Math.round(took / 1_000)} s`}`}
        {token !== null && ` · token ${token}`}
        {sessionId !== null && (
          <>
            {' · '}
            <Link to={sessionPage(sessionId)} title={sessionId}>
              session {sessionId.slice(0, 8)}
            </Link>
          </>
        )}
      </span>
    </li>
  );
}
