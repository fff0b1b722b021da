import { useEffect, useState } from 'preact/hooks';
import type { SentList, SentPage, SentRow } from '../wire.ts';
import { Offers } from './actions.tsx';
import { get, listPage, queryOf, useLive } from './api.tsx';
import { Heading } from './heading.tsx';
import { navigate } from './navigate.tsx';
import { Scroll } from './scroll.tsx';
import { Cell } from './values.tsx';

interface ListProps {
  readonly list: SentList;
  readonly query: URLSearchParams;
}

export function ListPage({ list, query }: ListProps) {
  const filters: Record<string, string> = {};
  for (const { name } of list.filters) {
    const value = query.get(name);
    if (value) filters[name] = value;
  }
  const path = `lists/${list.id}${queryOf(filters)}`;
  const { data, problem, isLive } = useLive<SentPage>(path);
  return (
    <>
      <Heading title={list.title} isLive={isLive} problem={problem} />
      <p class="about">{list.about}</p>
      {list.filters.length > 0 && <Filters list={list} filters={filters} />}
      {data ? <Pages key={path} list={list} path={path} first={data} /> : problem === undefined && <p>…</p>}
    </>
  );
}

function Filters({ list, filters }: { readonly list: SentList; readonly filters: Record<string, string> }) {
  const set = (name: string, value: string) => navigate(listPage(list.id, { ...filters, [name]: value }));
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      {list.filters.map(({ name, label, choices }) => (
        <div key={name} class="field">
          <label for={`filter-${name}`}>{label}</label>
          {choices ? (
            <select
              id={`filter-${name}`}
              value={filters[name] ?? ''}
              onChange={(event) => set(name, event.currentTarget.value)}
            >
              <option value="">any</option>
              {choices.map((choice) => (
                <option key={choice}>{choice}</option>
              ))}
            </select>
          ) : (
            <input
              id={`filter-${name}`}
              value={filters[name] ?? ''}
              autocomplete="off"
              onChange={(event) => set(name, event.currentTarget.value.trim())}
            />
          )}
        </div>
      ))}
      {Object.keys(filters).length > 0 && (
        <button type="button" onClick={() => navigate(listPage(list.id))}>
          Clear
        </button>
      )}
    </form>
  );
}

/** The first page is live; what was asked for beyond it is as it was then. */
function Pages({
  list,
  path,
  first,
}: {
  readonly list: SentList;
  readonly path: string;
  readonly first: SentPage;
}) {
  const [more, setMore] = useState<{ readonly rows: readonly SentRow[]; readonly next: string | null }>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => setMore(undefined), [path]);
  const next = more ? more.next : first.next;
  const rows = more ? [...first.rows, ...more.rows] : first.rows;
  const load = async () => {
    if (next === null) return;
    try {
      const page = await get<SentPage>(`${path}${path.includes('?') ? '&' : '?'}after=${next}`);
      setMore({ rows: [...(more?.rows ?? []), ...page.rows], next: page.next });
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <>
      <Table list={list} rows={rows} />
      {rows.length === 0 && (
        <p class="none">
          {list.id === 'ended' && !path.includes('kind=')
            ? 'Name a kind.'
            : next === null
              ? 'None.'
              : 'None so far: there is more to look through.'}
        </p>
      )}
      {problem !== undefined && (
        <p class="failure" role="alert">
          {problem}
        </p>
      )}
      {next !== null && (
        <button type="button" class="more" onClick={load}>
          Go on
        </button>
      )}
    </>
  );
}

function Table({ list, rows }: { readonly list: SentList; readonly rows: readonly SentRow[] }) {
  const hasOffers = rows.some(({ offers }) => offers.length > 0);
  if (rows.length === 0) return null;
  return (
    <Scroll name={list.title}>
      <table>
        <caption class="hidden">{list.title}</caption>
        <thead>
          <tr>
            {list.columns.map(({ name, look }) => (
              <th key={name} scope="col" class={look === 'number' ? 'number' : ''}>
                {name}
              </th>
            ))}
            {hasOffers && (
              <th scope="col" class="acts">
                <span class="hidden">actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ values, offers }, i) => (
            <tr key={i}>
              {list.columns.map(({ name, look }) => {
                const value = values[name] ?? null;
                return (
                  <td
                    key={name}
                    class={`${look ?? 'text'}${value === null || value === '' ? ' empty' : ''}`}
                    data-label={name}
                  >
                    <Cell value={value} look={look} />
                  </td>
                );
              })}
              {hasOffers && (
                <td class={offers.length === 0 ? 'acts empty' : 'acts'}>
                  <Offers offers={offers} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
