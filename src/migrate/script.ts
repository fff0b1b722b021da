import { createHash } from 'node:crypto';
import { MigrationError, type SqlStatement, splitStatements, sqlPieces, sqlWords } from '../base/index.ts';

/** One file of a migration. It is split when somebody asks for its statements: what is applied need not be. */
export class Script {
  /** For messages. */
  readonly file: string;
  readonly #text: string;
  #statements: readonly SqlStatement[] | undefined;
  #checksums: readonly string[] | undefined;
  #isOutside: boolean | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
  }

  /** @throws MigrationError `invalid-file` for what is no migration's to say. */
  get statements(): readonly SqlStatement[] {
    this.#statements ??= checked(this.file, this.#text);
    return this.#statements;
  }

  /**
   * Whether the file asks, above its first statement, with `-- holdfast: no-transaction`, to run statement by statement.
   *
   * @throws MigrationError `invalid-file` for a directive that is none, or that stands elsewhere.
   */
  get isOutsideTransaction(): boolean {
    this.#isOutside ??= hasDirective(this.file, this.#text);
    return this.#isOutside;
  }

  /** @throws MigrationError `invalid-file`: whatever is wrong with it, before any of it runs. */
  assertValid(): void {
    void this.isOutsideTransaction;
    void this.statements;
  }

  /** Of the first `count` statements; comments, blank lines and line endings do not count. */
  checksum(count: number = this.statements.length): string | undefined {
    if (this.#checksums === undefined) {
      const hash = createHash('sha256');
      this.#checksums = [
        hash.copy().digest('hex'),
        ...this.statements.map(({ text }) => hash.update(text).update('\0').copy().digest('hex')),
      ];
    }
    return this.#checksums[count];
  }

  /** Shows that the file is, to the letter, one whose statements have this checksum, without looking for them. */
  proof(checksum: string): string {
    return createHash('sha256').update(checksum).update('\0').update(this.#text).digest('hex');
  }
}

export function invalidFile(place: string, message: string): MigrationError {
  return new MigrationError('invalid-file', `${place}: ${message}`);
}

const TRANSACTION =
  /^(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE TRANSACTION)\b/;

function checked(file: string, text: string): readonly SqlStatement[] {
  const statements = splitStatements(text);
  for (const { text: statement, line } of statements) {
    const place = `${file}:${line}`;
    const words = [...sqlWords(statement)];
    if (TRANSACTION.test(words.slice(0, 2).join(' ')))
      throw invalidFile(place, 'a migration has no transaction statements: the runner adds them');
    if (words[0] === 'COPY' && words.includes('STDIN'))
      throw invalidFile(place, 'COPY FROM STDIN needs psql: write INSERT (pg_dump --inserts does)');
    if (words.includes('\\')) throw psqlCommand(file, statement, line);
  }
  return statements;
}

function psqlCommand(file: string, statement: string, firstLine: number): MigrationError {
  const { start } = [...sqlPieces(statement)].find(
    ({ kind, start: at }) => kind === 'other' && statement[at] === '\\',
  )!;
  const command = /^\\\S*/.exec(statement.slice(start, start + 64))![0];
  const place = `${file}:${firstLine - 1 + lineOf(statement.slice(0, start))}`;
  return invalidFile(place, `${command} is a command of psql, not SQL: leave it out`);
}

/** Of what comes behind this text. */
const lineOf = (text: string) => text.split(/\r\n?|\n/).length;

/** What somebody writes who means a directive: ours by its name, or a word of any such tool for "no transaction". */
const MEANT = [
  /^\s*holdfast\s*[:=]/i,
  /^\W*(?:holdfast|\w+\s*[:=]|\+\w+)?\s*no[-_\s]*transactions?\W*$/i,
  /\btransactions?\s*[:=]\s*(?:false|none|no|off)\W*$/i,
];
const DIRECTIVE = /^--\s*holdfast:\s*no-transaction\s*$/;

function hasDirective(file: string, text: string): boolean {
  let isFound = false;
  let isHead = true;
  for (const { kind, start, end } of sqlPieces(text)) {
    if (kind !== 'comment') {
      if (kind !== 'space') isHead = false;
      continue;
    }
    const comment = text.slice(start, end);
    const isDirective = DIRECTIVE.test(comment);
    const lines = comment.replace(/^--|^\/\*|\*\/$/g, '').split(/[\n\r]/);
    if (!isDirective && !lines.some((line) => MEANT.some((meant) => meant.test(line)))) continue;
    const place = `${file}:${lineOf(text.slice(0, start))}`;
    const shown = JSON.stringify(comment.slice(0, 100));
    if (!isDirective)
      throw invalidFile(
        place,
        `${shown} is no directive: write -- holdfast: no-transaction, or another comment`,
      );
    if (!isHead) throw invalidFile(place, `${shown} stands behind a statement: put it above the first one`);
    isFound = true;
  }
  return isFound;
}
