import type { ComponentChildren } from 'preact';

/** What is wider than the page is moved by itself, with the keyboard too. */
export function Scroll({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is to be reached by the keyboard
    <section class="scroll" aria-label={name} tabIndex={0}>
      {children}
    </section>
  );
}
