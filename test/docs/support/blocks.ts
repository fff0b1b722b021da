import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** One fenced block of a page: ```<language> <words> */
export interface Block {
  /** Path of the page from the root of the repository. */
  readonly page: string;
  /** Line of its first line of text, counted from 1. */
  readonly line: number;
  readonly language: string;
  /** What follows the language: `run`, `output`, `file=<path>`. */
  readonly words: readonly string[];
  readonly text: string;
}

/** README.md and every page of docs. */
export async function pages(): Promise<readonly string[]> {
  const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).sort();
  return ['README.md', ...docs.map((name) => `docs/${name}`)];
}

export const readPage = (page: string) => readFile(join(root, page), 'utf8');

export async function blocksOf(page: string): Promise<readonly Block[]> {
  const text = await readPage(page);
  return [...text.matchAll(/^```(\w*)([^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length + 1,
    language: match[1]!,
    words: match[2]!.trim().split(/\s+/).filter(Boolean),
    text: match[3]!,
  }));
}

export const isRun = ({ words }: Block) => words.includes('run');

/** The path of a block that is a file of the page's example project. */
export const fileOf = ({ words }: Block) => words.find((word) => word.startsWith('file='))?.slice(5);
