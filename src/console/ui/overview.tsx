import type { SentOverview, SentProblem } from '../wire.ts';
import { listPage, targetPage, useLive } from './api.tsx';
import { Chart } from './chart.tsx';
import { Heading } from './heading.tsx';
import { Link } from './navigate.tsx';
import { Scroll } from './scroll.tsx';
import { Cell, State, Time } from './values.tsx';

export function OverviewPage() {
  const { data, problem, isLive } = useLive<SentOverview>('overview');
  return (
    <>
      <Heading title="Overview" isLive={isLive} problem={problem} />
      {data ? <Shown overview={data} /> : problem === undefined && <p>…</p>}
    </>
  );
}

function Shown({ overview }: { readonly overview: SentOverview }) {
  const { problems, isComplete, slots, rates, latencies, backlog } = overview;
  return (
    <>
      <section class="problems" aria-labelledby="problems-title">
        <h2 id="problems-title">What is wrong now</h2>
        {problems.length === 0 && (
          <p class="none">{isComplete ? 'Nothing.' : 'Nothing so far; the tables are still being read.'}</p>
        )}
        <ul>
          {problems.map((problem) => (
            <Problem key={problem.subject + problem.text} problem={problem} />
          ))}
        </ul>
      </section>
      <div class="charts">
        <Chart title="Work" slots={slots} series={rates} />
        <Chart title="Took" slots={slots} series={latencies} />
        <Chart title="Backlog" slots={slots} series={backlog} isCurrent />
      </div>
      <div class="columns">
        <Kinds overview={overview} />
        <Sessions overview={overview} />
      </div>
    </>
  );
}

function Problem({ problem }: { readonly problem: SentProblem }) {
  const { state, subject, text, since, target, list } = problem;
  const to = target !== null ? targetPage(target) : list ? listPage(list.id, list.filters) : undefined;
  return (
    <li>
      <State word={state} /> <b>{subject}</b> {to === undefined ? text : <Link to={to}>{text}</Link>}{' '}
      {since && (
        <span class="quiet">
          <Time value={since} />
        </span>
      )}
    </li>
  );
}

function Kinds({ overview }: { readonly overview: SentOverview }) {
  return (
    <section aria-labelledby="kinds-title">
      <h2 id="kinds-title">Work by kind</h2>
      <Scroll name="Work by kind">
        <table>
          <thead>
            <tr>
              <th scope="col">kind</th>
              {['waiting', 'held', 'kept back', 'stuck', 'ended', 'failed'].map((name) => (
                <th scope="col" class="number" key={name}>
                  {name}
                </th>
              ))}
              <th scope="col">oldest waits since</th>
            </tr>
          </thead>
          <tbody>
            {overview.kinds.map((row) => (
              <tr key={row.kind}>
                <td data-label="kind">
                  <Link to={listPage('targets', { kind: row.kind })}>{row.kind}</Link>
                </td>
                <td class="number" data-label="waiting">
                  <Cell value={row.waiting ?? '–'} look="number" />
                </td>
                <td class="number" data-label="held">
                  {row.held > 0 ? <Link to={listPage('held', { kind: row.kind })}>{row.held}</Link> : 0}
                </td>
                <td class="number" data-label="kept back">
                  {row.keptBack > 0 ? (
                    <Link to={listPage('kept-back', { kind: row.kind })}>{row.keptBack}</Link>
                  ) : (
                    0
                  )}
                </td>
                <td class={row.stuck > 0 ? 'number bad' : 'number'} data-label="stuck">
                  {row.stuck}
                </td>
                <td class="number" data-label="ended">
                  {row.ends > 0 ? <Link to={listPage('ended', { kind: row.kind })}>{row.ends}</Link> : 0}
                </td>
                <td class={row.failures > 0 ? 'number warn' : 'number'} data-label="failed">
                  {row.failures}
                </td>
                <td data-label="oldest waits since" class={row.oldest ? '' : 'empty'}>
                  <Cell value={row.oldest} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {overview.kinds.length === 0 && <p class="none">No work was ever claimed.</p>}
      <p class="quiet">Ended and failed: in the last two minutes.</p>
    </section>
  );
}

function Sessions({ overview }: { readonly overview: SentOverview }) {
  return (
    <section aria-labelledby="sessions-title">
      <h2 id="sessions-title">Sessions by component</h2>
      <Scroll name="Sessions by component">
        <table>
          <thead>
            <tr>
              <th scope="col">component</th>
              <th scope="col" class="number">
                alive
              </th>
              <th scope="col" class="number">
                dead
              </th>
            </tr>
          </thead>
          <tbody>
            {overview.sessions.map(({ component, live, dead }) => (
              <tr key={component}>
                <td data-label="component">
                  <Link to={listPage('sessions', { component })}>{component}</Link>
                </td>
                <td class="number" data-label="alive">
                  {live}
                </td>
                <td class={dead > 0 ? 'number warn' : 'number'} data-label="dead">
                  {dead}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {overview.sessions.length === 0 && <p class="none">No session is there.</p>}
    </section>
  );
}
