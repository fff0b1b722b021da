import { placeOf, type SourceFile } from './source/source-file.ts';

/**
 * One thing to say about one place of one file. `code` is stable: `HFnnn` for the compiler's own verdicts,
 * `HLnnn` for lints (docs/compiler.md lists them), the SQLSTATE for what the engine said.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly file: SourceFile;
  /** Offset in the file. */
  readonly at: number;
  readonly query?: string | undefined;
}

/** Takes what is to be said, in whatever order it is found. */
export type Report = (diagnostic: Diagnostic) => void;

/** A problem found while reading; the reader goes on and collects it. */
export class SourceError extends Error {
  readonly diagnostic: Diagnostic;
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.diagnostic = diagnostic;
  }
}

/** The compiler's own complaint about a query; at its name unless told otherwise. */
export function problem(
  { file, name, nameAt }: { readonly file: SourceFile; readonly name: string; readonly nameAt: number },
  code: string,
  message: string,
  hint: string | undefined,
  at = nameAt,
): SourceError {
  return new SourceError({ severity: 'error', code, message, hint, file, at, query: name });
}

/** The same about what has no name. */
export function problemAt(
  file: SourceFile,
  at: number,
  code: string,
  message: string,
  hint?: string,
): SourceError {
  return new SourceError({ severity: 'error', code, message, hint, file, at });
}

/** In order of file and place, so that output never depends on timing. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort(
    (a, b) =>
      (a.file.path < b.file.path ? -1 : a.file.path > b.file.path ? 1 : 0) ||
      a.at - b.at ||
      (a.code < b.code ? -1 : a.code > b.code ? 1 : 0),
  );
}

/** `file:line:column: error CODE: message`, the line, a caret under the place, the hint. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const place = placeOf(diagnostic.file, diagnostic.at);
  const gutter = `${place.line} | `;
  const before = [...place.lineText].slice(0, place.column - 1).join('');
  const lines = [
    `${diagnostic.file.path}:${place.line}:${place.column}: ${diagnostic.severity} ${diagnostic.code}: ${diagnostic.message}`,
    `  ${gutter}${place.lineText}`,
    `  ${' '.repeat(gutter.length)}${before.replace(/[^\t]/g, ' ')}^`,
  ];
  if (diagnostic.hint) lines.push(`  hint: ${diagnostic.hint}`);
  return lines.join('\n');
}

/** A diagnostic as tools read it. Lines and columns count from 1, columns in characters; the end is behind the last one. */
export interface DiagnosticJson {
  readonly severity: Diagnostic['severity'];
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Relative to the configuration file, or that file as it was named; null where the command line is wrong. */
  readonly file: string | null;
  /** The four are null where it is the file as a whole. */
  readonly line: number | null;
  readonly column: number | null;
  readonly endLine: number | null;
  readonly endColumn: number | null;
  readonly query: string | null;
}

/** Something to say of a file as a whole, or of the command line. */
export function problemToJson(code: string, message: string, file: string | null): DiagnosticJson {
  const nowhere = { line: null, column: null, endLine: null, endColumn: null };
  return { severity: 'error', code, message, hint: null, file, ...nowhere, query: null };
}

/** A quoted name or text, a parameter, a word or number, or a single character: what a place is the beginning of. */
const MARKED = /"(?:[^"\\]|""|\\.)*"|'(?:[^']|'')*'|[@:$]?[\p{L}\p{N}_$]+|./suy;

/** Offset behind what a diagnostic marks. */
function endOf({ file, at }: Diagnostic): number {
  MARKED.lastIndex = at;
  return MARKED.test(file.text) ? MARKED.lastIndex : at;
}

export function diagnosticToJson(diagnostic: Diagnostic): DiagnosticJson {
  const place = placeOf(diagnostic.file, diagnostic.at);
  const end = placeOf(diagnostic.file, endOf(diagnostic));
  return {
    severity: diagnostic.severity,
    code: diagnostic.code,
    message: diagnostic.message,
    hint: diagnostic.hint ?? null,
    file: diagnostic.file.path,
    line: place.line,
    column: place.column,
    endLine: end.line,
    endColumn: end.column,
    query: diagnostic.query ?? null,
  };
}
