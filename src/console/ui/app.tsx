import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Offer, SentConsole } from '../wire.ts';
import { AboutContext, ActContext, ActionDialog } from './actions.tsx';
import { get, listPage } from './api.tsx';
import { ListPage } from './list.tsx';
import { Link, navigate, useAddress } from './navigate.tsx';
import { OverviewPage } from './overview.tsx';
import { TargetPage } from './target.tsx';

export function App() {
  const [about, setAbout] = useState<SentConsole>();
  const [problem, setProblem] = useState<string>();
  const [offer, setOffer] = useState<Offer>();
  const [said, setSaid] = useState<string>();
  const address = useAddress();
  useEffect(() => {
    get<SentConsole>('console').then(setAbout, (error: Error) => setProblem(error.message));
  }, []);
  // What was said is about the page that one was on.
  useEffect(() => setSaid(undefined), [address.pathname]);
  if (problem !== undefined) return <p class="failure lone">{problem}</p>;
  if (!about) return <p class="lone">…</p>;
  return (
    <AboutContext.Provider value={about}>
      <ActContext.Provider value={setOffer}>
        <Frame about={about} address={address}>
          <div role="status" class="said">
            {said}
          </div>
          <Page about={about} address={address} />
        </Frame>
        {offer && (
          <ActionDialog
            offer={offer}
            onClose={() => setOffer(undefined)}
            onDone={(line) => {
              setSaid(line);
              setOffer(undefined);
            }}
          />
        )}
      </ActContext.Provider>
    </AboutContext.Provider>
  );
}

function Page({ about, address }: { readonly about: SentConsole; readonly address: URL }) {
  const { pathname, searchParams } = address;
  if (pathname === '/target') {
    const name = searchParams.get('name') ?? '';
    return <TargetPage key={name} name={name} from={searchParams.get('from')} />;
  }
  const id = /^\/lists\/([^/]+)$/.exec(pathname)?.[1];
  const list = about.lists.find((one) => one.id === id);
  if (list) return <ListPage key={list.id} list={list} query={searchParams} />;
  return <OverviewPage />;
}

interface FrameProps {
  readonly about: SentConsole;
  readonly address: URL;
  readonly children: ComponentChildren;
}

function Frame({ about, address, children }: FrameProps) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [address.href]);
  const faces = [...new Set(about.lists.map(({ face }) => face))];
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header>
        <button
          type="button"
          class="menu"
          aria-expanded={isOpen}
          aria-controls="nav"
          onClick={() => setOpen(!isOpen)}
        >
          Menu
        </button>
        <Link to="/" class="brand">
          Holdfast
        </Link>
        <Search />
        <span class="database">
          {about.database} · {about.actions.length > 0 ? `acting as ${about.author}` : 'read only'}
        </span>
      </header>
      <nav id="nav" class={isOpen ? 'open' : ''} aria-label="Pages">
        <ul>
          <li>
            <Link to="/" current={address.pathname === '/'}>
              Overview
            </Link>
          </li>
        </ul>
        {faces.map((face) => (
          <section key={face} aria-labelledby={`nav-${face}`}>
            <h2 id={`nav-${face}`}>{face}</h2>
            <ul>
              {about.lists
                .filter((list) => list.face === face)
                .map(({ id, title }) => (
                  <li key={id}>
                    <Link to={listPage(id)} current={address.pathname === `/lists/${id}`}>
                      {title}
                    </Link>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function Search() {
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const element = event.target as HTMLElement;
      if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) return;
      event.preventDefault();
      document.getElementById('search')?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const target = String(new FormData(event.currentTarget).get('target') ?? '').trim();
          navigate(listPage('targets', { target }));
        }}
      >
        <label class="hidden" for="search">
          Find a target by the beginning of its name
        </label>
        <input
          id="search"
          name="target"
          type="search"
          placeholder="Find a target  ( / )"
          autocomplete="off"
        />
      </form>
    </search>
  );
}
