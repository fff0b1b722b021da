import type { DiagnosticJson } from './diagnostic.ts';

/** A log of SARIF 2.1.0 (OASIS), which code hosts and editors read: one run with one result for each thing said. */
export function sarifLog(said: readonly DiagnosticJson[], version: string) {
  const codes = [...new Set(said.map(({ code }) => code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0' as const,
    runs: [
      {
        tool: { driver: { name: 'holdfast compile', version, rules: codes.map((id) => ({ id })) } },
        columnKind: 'unicodeCodePoints' as const,
        results: said.map((one) => resultOf(one, codes)),
      },
    ],
  };
}

function resultOf(said: DiagnosticJson, codes: readonly string[]) {
  const { code, severity, message, hint, file, line, column, endLine, endColumn } = said;
  const region =
    line === null || column === null || endLine === null || endColumn === null
      ? {}
      : { region: { startLine: line, startColumn: column, endLine, endColumn } };
  const uri = file?.split('/').map(encodeURIComponent).join('/');
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: severity,
    message: { text: hint === null ? message : `${message} (${hint})` },
    ...(uri === undefined
      ? {}
      : { locations: [{ physicalLocation: { artifactLocation: { uri }, ...region } }] }),
  };
}
