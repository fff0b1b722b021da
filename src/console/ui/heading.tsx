import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

export function Heading({
  title,
  isLive,
  problem,
  children,
}: {
  readonly title: string;
  readonly isLive: boolean;
  readonly problem?: string | undefined;
  readonly children?: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · Holdfast`;
  }, [title]);
  return (
    <>
      <div class="heading">
        <h1>{title}</h1>
        <span class={isLive ? 'live' : 'live off'}>{isLive ? 'live' : 'not live'}</span>
        {children}
      </div>
      {problem !== undefined && (
        <p class="failure" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
