import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const CHANGED = 'holdfast:navigated';

/** Goes to a page of ours without loading it anew. */
export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  dispatchEvent(new Event(CHANGED));
}

export function useAddress(): URL {
  const [address, setAddress] = useState(location.href);
  useEffect(() => {
    const follow = () => setAddress(location.href);
    addEventListener(CHANGED, follow);
    addEventListener('popstate', follow);
    return () => {
      removeEventListener(CHANGED, follow);
      removeEventListener('popstate', follow);
    };
  }, []);
  return new URL(address);
}

interface LinkProps {
  readonly to: string;
  readonly class?: string;
  readonly current?: boolean;
  readonly title?: string;
  readonly children: ComponentChildren;
}

export function Link({ to, current, children, ...rest }: LinkProps) {
  return (
    <a
      href={to}
      {...rest}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        navigate(to);
        scrollTo(0, 0);
      }}
    >
      {children}
    </a>
  );
}
