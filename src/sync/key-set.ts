/** Bytes of an identifier. */
const WIDTH = 16;
const SHARDS = 256;

/**
 * A set of UUIDs that are spread evenly, such as digests: about 30 bytes each, where a Set of texts takes 100 and more.
 * Grows shard by shard, so that growing never takes twice the memory.
 */
export class KeySet {
  readonly #shards: Shard[] = Array.from({ length: SHARDS }, () => new Shard());
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False: it was there. */
  add(id: string): boolean {
    read(id);
    const added = this.#shards[scratch[0]!]!.add();
    if (added) this.#size++;
    return added;
  }

  has(id: string): boolean {
    read(id);
    return this.#shards[scratch[0]!]!.has();
  }
}

const scratch = new Uint8Array(WIDTH);
const words = new Uint32Array(scratch.buffer);

/** Reads an identifier into `words`. */
function read(id: string): void {
  let at = 0;
  for (let place = 0; place < id.length; place++) {
    const code = id.charCodeAt(place);
    if (code === 45) continue;
    const digit = code > 57 ? (code & 0xdf) - 55 : code - 48;
    if ((at & 1) === 0) scratch[at >> 1] = digit << 4;
    else scratch[at >> 1]! |= digit;
    at++;
  }
}

/** Of what is in `words`. Open addressing; a slot of zeros is free, and no digest of version 8 is all zeros. */
class Shard {
  #slots = new Uint32Array(16 * 4);
  #count = 0;

  add(): boolean {
    const at = this.#find(this.#slots);
    if (at < 0) return false;
    this.#slots.set(words, at);
    this.#count++;
    if (this.#count * 4 > (this.#slots.length / 4) * 3) this.#grow();
    return true;
  }

  has(): boolean {
    return this.#find(this.#slots) < 0;
  }

  /** Where it would go; -1: it is there. */
  #find(slots: Uint32Array): number {
    const mask = slots.length / 4 - 1;
    let slot = words[3]! & mask;
    for (;;) {
      const at = slot * 4;
      if ((slots[at]! | slots[at + 1]! | slots[at + 2]! | slots[at + 3]!) === 0) return at;
      if (
        slots[at] === words[0] &&
        slots[at + 1] === words[1] &&
        slots[at + 2] === words[2] &&
        slots[at + 3] === words[3]
      )
        return -1;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 4) {
      words.set(old.subarray(at, at + 4));
      if ((words[0]! | words[1]! | words[2]! | words[3]!) === 0) continue;
      this.#slots.set(words, this.#find(this.#slots));
    }
  }
}
