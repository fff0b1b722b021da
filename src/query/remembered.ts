/**
 * Promises whose failure a transaction remembers: it does not commit, whether or not anybody awaits them. So when
 * nobody does nothing is lost, and neither they nor what is made of them may be unhandled rejections, which end the
 * process. Each carries the promise that the transaction knows.
 */
const REMEMBERED = Symbol('remembered');

interface Marked {
  [REMEMBERED]?: Promise<unknown>;
}

const ignore = () => {};

/** For the caller that remembers the failure. */
export function remember<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  (promise as Marked)[REMEMBERED] = promise;
  return promise;
}

/** The same for one whose failure may be remembered or not: `known` rejects when it is, and else never settles. */
export function rememberedIf<T>(promise: Promise<T>, known: Promise<unknown>): Promise<T> {
  (promise as Marked)[REMEMBERED] = known;
  known.catch(() => promise.catch(ignore));
  return promise;
}

/**
 * What `make` makes of an answer. When the answer is remembered, so is this; only what `make` itself throws is not.
 */
export function derive<T, R>(answer: Promise<T>, make: (value: T) => R): Promise<R> {
  const made = answer.then(make);
  const root = (answer as Marked)[REMEMBERED];
  if (root) {
    (made as Marked)[REMEMBERED] = root;
    // Not at once: what `make` throws nobody else knows.
    root.catch(() => made.catch(ignore));
  }
  return made;
}

/** `Promise.all`; remembered when each of them is. */
export function all<T>(answers: readonly Promise<T>[]): Promise<T[]> {
  const together = Promise.all(answers);
  return answers.every((answer) => (answer as Marked)[REMEMBERED]) ? remember(together) : together;
}

/** What an async function would do, but for making another promise of the one that `run` gives. */
export function promised<T>(run: () => Promise<T>): Promise<T> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}
