import type { Readable } from 'node:stream';
import { checkDigests, DIGEST_ALGORITHMS, type Digests, type DownloadedFile } from '../artifacts/index.ts';
import { invalidOption, jsonOf } from '../base/index.ts';
import { FUTURES, Future } from '../pipeline/index.ts';
import { canonicalJson, digestId } from './canonical.ts';
import type { ContentType, NaturalKey } from './content-type.ts';
import { InvalidContentError } from './errors.ts';

/** A file of a content, as its remote declares it. */
export interface ArtifactDeclaration {
  /** Where it is within the content: relative, with slashes. */
  readonly path: string;
  /** Tried in turn. */
  readonly urls: readonly string[];
  /** Lower-case hex. What is downloaded is compared with all of them. */
  readonly digests?: Digests | undefined;
  /** In bytes. */
  readonly size?: number | undefined;
  /** Its bytes come when somebody asks for them, whatever the policy of the sync is. */
  readonly onDemand?: boolean | undefined;
}

/** Content that should be there. */
export interface ContentDeclaration<Metadata> {
  /** Undefined: a later stage calls `complete`; then the natural key is given here. */
  readonly metadata?: Metadata | undefined;
  readonly key?: NaturalKey | undefined;
  readonly artifacts?: readonly ArtifactDeclaration[] | undefined;
  /** It is saved when all of them have settled; one that rejects fails the item. */
  readonly after?: readonly PromiseLike<unknown>[] | undefined;
}

/** Content that the database has. */
export interface StoredContent {
  readonly contentId: string;
}

/** A file on its way: where its bytes are by now. */
export class DeclaredArtifact implements ArtifactDeclaration {
  readonly path: string;
  readonly urls: readonly string[];
  readonly digests: Digests;
  readonly size: number | undefined;
  readonly onDemand: boolean | undefined;
  /** Of its bytes, once they are known to be in the store. */
  sha256: string | undefined;
  /** @internal Its bytes in the download area, until they are in the store. */
  file: DownloadedFile | undefined;
  /** @internal The sync that it is in. */
  opener: ((file: DeclaredArtifact) => Promise<Readable>) | undefined;

  constructor({ path, urls, digests = {}, size, onDemand }: ArtifactDeclaration) {
    this.path = path;
    this.urls = urls;
    this.digests = digests;
    this.size = size;
    this.onDemand = onDemand;
  }

  /**
   * Its bytes, for stages behind the download: what they find may complete the item. A file that is on demand is fetched, or
   * refused, as `openOnDemand` of the sync says. Destroy the stream when it is not read to its end. Throws MisuseError before
   * the item is in a sync, OnDemandError, and as `downloader.download`.
   */
  open(): Promise<Readable> {
    if (!this.opener) throw invalidOption('artifact', `${this.path} is not in a sync yet`);
    return this.opener(this);
  }
}

/** Told that something of one item failed, in a stage. Returns when the item is skipped; else it throws. */
export type ItemFailure = (item: DeclaredContent, stage: string, error: unknown) => void;

const failAll: ItemFailure = (_item, _stage, error) => {
  throw error;
};

/** What the stages know of an item. */
interface Standing {
  readonly contentId: string;
  readonly fingerprint: string;
}

/**
 * An item of a sync: content that should be in the repository, on its way there. Stages may complete it until it is saved.
 */
export class DeclaredContent<Metadata = unknown> {
  readonly type: ContentType<Metadata>;
  readonly after: readonly PromiseLike<unknown>[];
  /** What the first stages know and later ones need; the database never sees it. */
  readonly extra: Record<string, unknown> = {};
  /** @internal Of the sync that it goes through. */
  failed: ItemFailure = failAll;
  /** @internal The repository holds it, as it was declared, with all its files that are wanted. */
  isHeld = false;
  /** @internal It was declared so the last time, too: nothing of it is to be written. */
  isUnchanged = false;
  /** @internal The repository holds it as it was declared, without some files that are wanted. */
  isInRepository = false;
  /** @internal It exists, as it was declared. */
  exists = false;
  /** @internal It was written in this sync, with where its files can be had. */
  isSaved = false;
  /** @internal The standing that was looked up last. */
  lookedUp: Standing | undefined;
  /** @internal What exists under a natural key whose metadata is not complete. */
  adopted: string | undefined;
  #metadata: Metadata | undefined;
  #json: string | undefined;
  #key: string;
  #keyId: string | undefined;
  #standing: Standing | undefined;
  #artifacts: DeclaredArtifact[];
  #declared: string | undefined;
  #resolved: Future<StoredContent> | undefined;

  constructor(
    type: ContentType<Metadata>,
    { metadata, key, artifacts = [], after = [] }: ContentDeclaration<Metadata>,
  ) {
    this.type = type;
    this.after = after;
    this.#artifacts = artifacts.map((one) => this.#artifact(one));
    this.#key = '';
    if (metadata !== undefined) this.#setMetadata(metadata);
    else if (key !== undefined) this.#key = JSON.stringify(key);
    else throw new InvalidContentError(type.name, 'an item has neither metadata nor a natural key');
  }

  /** Undefined until it is complete. */
  get metadata(): Metadata | undefined {
    return this.#metadata;
  }

  /** Natural key, as JSON. */
  get key(): string {
    return this.#key;
  }

  /** Its metadata is there: it can be saved. */
  get isComplete(): boolean {
    return this.#metadata !== undefined;
  }

  /** The repository or the database has it already: no stage needs to complete it. */
  get isKnown(): boolean {
    return this.isHeld || this.exists;
  }

  get artifacts(): readonly DeclaredArtifact[] {
    return this.#artifacts;
  }

  /** Gives it its metadata, or other metadata, and files, or other files. Throws InvalidContentError. */
  complete(metadata: Metadata, artifacts?: readonly ArtifactDeclaration[]): void {
    this.#setMetadata(metadata);
    if (artifacts) this.#artifacts = artifacts.map((one) => this.#artifact(one));
    this.#standing = undefined;
    this.#declared = undefined;
    this.isUnchanged = false;
    this.adopted = undefined;
  }

  /** Resolves when the database has it; awaiting it makes the pipeline hurry. Rejects when it will never be there. */
  get resolved(): Future<StoredContent> {
    this.#resolved ??= new Future<StoredContent>(this);
    return this.#resolved;
  }

  /** @internal */
  get [FUTURES](): readonly Future<unknown>[] {
    return this.#resolved ? [this.#resolved] : [];
  }

  /** @internal */
  settle(): void {
    this.#resolved?.resolve({ contentId: this.contentId });
  }

  toString(): string {
    return `${this.type.name} ${this.#key}`;
  }

  /** @internal */
  get keyId(): string {
    this.#keyId ??= digestId(`${this.type.name}\0${this.#key}`);
    return this.#keyId;
  }

  /** @internal */
  get contentId(): string {
    return this.adopted ?? this.standing.contentId;
  }

  /** @internal Of metadata, paths and digests as they are now. */
  get standing(): Standing {
    this.#standing ??= this.#stand();
    return this.#standing;
  }

  /**
   * @internal Digest of all that is declared of it by a remote. Undefined: not all is, and only its bytes tell whether a file
   * has changed.
   */
  declaredBy(remoteId: string, wants: (file: DeclaredArtifact) => boolean): string | undefined {
    if (this.#metadata === undefined) return undefined;
    if (this.#declared === undefined) {
      let text = `${remoteId}\0${this.type.name}\0${this.#key}\0${this.json}`;
      for (const file of this.#artifacts) {
        if (!hasDigest(file) && wants(file)) return undefined;
        const { path, urls, digests, size } = file;
        text += `\0${path}\0${size ?? ''}\0${urls.join(' ')}`;
        for (const algorithm of DIGEST_ALGORITHMS) {
          const digest = digests[algorithm];
          if (digest !== undefined) text += `\0${algorithm}:${digest}`;
        }
      }
      this.#declared = digestId(text);
    }
    return this.#declared;
  }

  /** @internal */
  get json(): string {
    this.#json ??= canonicalJson(this.#metadata);
    return this.#json;
  }

  #stand(): Standing {
    const files = this.#artifacts.map((file) => [file.path, identityOf(file)]);
    const fingerprint = digestId(
      `${this.type.name}\0${this.#key}\0${this.json}\0${JSON.stringify(files.length > 1 ? files.sort(byPath) : files)}`,
    );
    const contentId = this.type.onChange === 'error' ? this.keyId : digestId(`${this.keyId}\0${fingerprint}`);
    return { contentId, fingerprint };
  }

  #setMetadata(metadata: Metadata): void {
    const { type } = this;
    const checked = type.metadata.safeParse(metadata);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      const path = ['metadata', ...(issue?.path ?? [])].join('.');
      throw new InvalidContentError(type.name, `${path}: ${issue?.message ?? 'not valid'}`, {
        cause: checked.error,
      });
    }
    const json = canonicalJson(checked.data);
    if (/\\u(?:0000|d[89a-f])/i.test(json)) jsonOf(`${type.name} metadata`, checked.data);
    this.#metadata = checked.data;
    this.#json = json;
    this.#key = JSON.stringify(type.key(checked.data));
    this.#keyId = undefined;
  }

  #artifact(declaration: ArtifactDeclaration): DeclaredArtifact {
    const { path, urls, digests } = declaration;
    const wrong = pathFault(path);
    if (wrong !== undefined)
      throw new InvalidContentError(this.type.name, `the path ${JSON.stringify(path)} ${wrong}`);
    if (!Array.isArray(urls) || urls.length === 0)
      throw new InvalidContentError(this.type.name, `the file ${path} has no URL`);
    return new DeclaredArtifact(
      digests === undefined ? declaration : { ...declaration, digests: checkDigests(digests) },
    );
  }
}

const hasDigest = ({ digests }: DeclaredArtifact) =>
  DIGEST_ALGORITHMS.some((algorithm) => digests[algorithm] !== undefined);

/** What tells its bytes from others: the strongest digest that is declared, else the one that was found. */
function identityOf({ digests, sha256 }: DeclaredArtifact): string | null {
  for (const algorithm of DIGEST_ALGORITHMS) {
    const declared = digests[algorithm];
    if (declared !== undefined) return `${algorithm}:${declared}`;
  }
  return sha256 === undefined ? null : `sha256:${sha256}`;
}

const byPath = ([a]: (string | null)[], [b]: (string | null)[]) => (a! < b! ? -1 : 1);

/** Why a path cannot be one within a repository. */
export function pathFault(path: string): string | undefined {
  if (typeof path !== 'string' || path === '') return 'is empty';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\0-\x1f\x7f]/.test(path)) return 'has a control character';
  if (path.startsWith('/') || path.includes('\\')) return 'is not relative with slashes';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return 'leaves the repository, or has an empty part';
  return undefined;
}

/** Declares content. Throws InvalidContentError for metadata that does not fit and paths that leave the repository. */
export const declare = <Metadata>(
  type: ContentType<Metadata>,
  content: ContentDeclaration<Metadata>,
): DeclaredContent<Metadata> => new DeclaredContent(type, content);
