/**
 * oidc-provider's storage in memory, without a limit: its own one forgets all but the last thousand entries.
 * It follows the contract of the package's example adapter. Consuming is atomic, so that of two simultaneous
 * presentations of one token exactly one is answered (RFC 9700 section 4.14.2).
 */

const REVOCABLE = new Set(["AccessToken", "AuthorizationCode", "RefreshToken"]);

export class Memory {
  #entries = new Map(); // "Model:id" → payload
  #families = new Map(); // grant id → keys of everything issued under it
  #onReuse;

  /** @param onReuse called with a spent payload that was presented while its first use was on its way; it throws. */
  constructor(onReuse) {
    this.#onReuse = onReuse;
  }

  /** Return the adapter for one model. */
  adapter(model) {
    const entries = this.#entries;
    const families = this.#families;
    const onReuse = this.#onReuse;
    const revoke = (grantId) => this.revoke(grantId);
    const key = (id) => `${model}:${id}`;
    const findBy = (name, value) =>
      [...entries].find(([at, payload]) => at.startsWith(`${model}:`) && payload[name] === value)?.[1];
    return {
      async find(id) {
        return entries.get(key(id));
      },
      async findByUid(uid) {
        return findBy("uid", uid);
      },
      async findByUserCode(userCode) {
        return findBy("userCode", userCode);
      },
      async upsert(id, payload) {
        entries.set(key(id), payload);
        if (REVOCABLE.has(model) && payload.grantId) {
          if (!families.has(payload.grantId)) families.set(payload.grantId, new Set());
          families.get(payload.grantId).add(key(id));
        }
      },
      async consume(id) {
        const payload = entries.get(key(id));
        if (!payload || payload.consumed) onReuse(payload);
        payload.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        entries.delete(key(id));
      },
      async revokeByGrantId(grantId) {
        revoke(grantId);
      },
    };
  }

  /** Forget everything that was issued under a grant. */
  revoke(grantId) {
    for (const key of this.#families.get(grantId) ?? []) this.#entries.delete(key);
    this.#families.delete(grantId);
  }

  /** Forget the grant itself too: what an answer on its way still saves under it is refused. */
  forget(grantId) {
    this.revoke(grantId);
    this.#entries.delete(`Grant:${grantId}`);
  }
}
