import type { Diagnostic, DiagnosticJson } from '../../compiler/index.ts';
import { messageOf } from './report-error.ts';

export type Format = 'text' | 'json' | 'sarif';

/** What a run came to. */
export interface Summary {
  readonly queries: number;
  /** Paths of what was written. */
  readonly written: readonly string[];
  /** What was compiled against; none where nothing had to be compiled. */
  readonly engines: readonly string[];
}

/** Says what a run finds, in one format. */
export interface CompileReport {
  diagnostic(diagnostic: Diagnostic): void;
  /** Something about a file as a whole. */
  problem(code: string, message: string, file: string): void;
  /** For people. */
  note(text: string): void;
  /** The run is over. */
  end(summary?: Summary): void;
  /** The run could not go on; the caller throws on. */
  failed(error: unknown, config: string): void;
}

const nothing: Summary = { queries: 0, written: [], engines: [] };

export async function compileReport(format: Format, version: string): Promise<CompileReport> {
  const { diagnosticToJson, formatDiagnostic, problemToJson, sarifLog } = await import(
    '../../compiler/index.ts'
  );
  if (format === 'text')
    return {
      diagnostic: (diagnostic) => console.error(formatDiagnostic(diagnostic)),
      problem: (_code, message) => console.error(message),
      note: (text) => console.log(text),
      end: () => {},
      failed: () => {},
    };
  const said: DiagnosticJson[] = [];
  const say = (one: DiagnosticJson) => {
    said.push(one);
    if (format === 'json') console.log(JSON.stringify(one));
  };
  const end = (summary = nothing) => {
    const count = (severity: string) => said.filter((one) => one.severity === severity).length;
    const counts = { errors: count('error'), warnings: count('warning') };
    if (format === 'json') console.log(JSON.stringify({ summary: { ...counts, ...summary } }));
    else console.log(JSON.stringify(sarifLog(said, version), null, 2));
    // A run that watches says everything again.
    said.length = 0;
  };
  return {
    diagnostic: (diagnostic) => say(diagnosticToJson(diagnostic)),
    problem: (code, message, file) => say(problemToJson(code, message, file)),
    note: () => {},
    end,
    failed(error, config) {
      const code = (error as { code?: unknown }).code;
      const isConfig = code === 'HOLDFAST_INVALID_OPTION';
      say(
        problemToJson(typeof code === 'string' ? code : 'HF000', messageOf(error), isConfig ? config : null),
      );
      end();
    },
  };
}
