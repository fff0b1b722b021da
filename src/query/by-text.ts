const MOST_VERDICTS = 5_000;
/** A longer text hardly comes again, and would be kept. */
const LONGEST_TEXT = 10_000;

/** The same judgement, made once for each text. */
export function byText<T>(judge: (text: string) => T): (text: string) => T {
  const verdicts = new Map<string, T>();
  return (text) => {
    if (verdicts.has(text)) return verdicts.get(text) as T;
    if (verdicts.size >= MOST_VERDICTS) verdicts.clear();
    const verdict = judge(text);
    if (text.length > LONGEST_TEXT) return verdict;
    verdicts.set(text, verdict);
    return verdict;
  };
}
