/*
 * The protocol by which a target has one holder: sessions, claims, fenced transactions, ends, take-overs, lost answers.
 * docs/model.md reads it beside the SQL.
 *
 * Two workers, one target, one janitor; each worker has two sessions one after the other, and two connections, of which the
 * second is for what follows a lost answer. A connection's statements run as a process of their own, so a request whose
 * answer nobody waits for may still arrive, wait for locks, and commit, at any later time.
 *
 * COCKROACH: transactions are validated when they commit. Otherwise PostgreSQL: snapshots, row locks, and the seal.
 * LOST: how many answers are lost.
 * NO_FENCE, NO_TOKEN, NO_SEAL, NO_GUARD, NO_VOID, NO_MARKER, NO_HISTORY: the same without one of its parts. Each must be
 * found to be wrong.
 */
#ifndef LOST
#define LOST 1
#endif


#define SESSIONS 4    /* 0 is nobody; the first worker has 1 and 3, the second 2 */
#define SESSIONS_OF(worker) (2 - worker)
#ifdef QUICK
#define CLAIMS_OF(worker) 1          /* of each session */
#else
#define CLAIMS_OF(worker) (2 - worker)
#endif
#define CONNECTIONS 4 /* worker w has w and w + 2 */
#define TOKENS 10
#define NOBODY 255

mtype = { CLAIM, TRANSACT, END, DONE, REFUSED, EXPIRED, NOTHING, VOID };

/* Tables. */
byte token = 0;               /* holdfast.work: token, holder, claim */
byte holder = 0;
byte claimed_by = 0;
bool row[SESSIONS];           /* holdfast.session: its row is there */
bool past[SESSIONS];          /* holdfast.session_deadline: it is over. No heartbeat changes that any more. */
byte void_claims[SESSIONS];
bool ended[TOKENS];           /* holdfast.ended_work: its holder has ended the token */
bool marked[CONNECTIONS];     /* holdfast.commit_marker: the transaction of the connection has committed */
bool unmarked[CONNECTIONS];   /* the same: it is settled that it never does */

/* Row locks. */
byte key_share[SESSIONS];     /* FOR KEY SHARE */
bool deleting[SESSIONS];      /* DELETE that has not committed, or FOR UPDATE */
byte work_lock = NOBODY;      /* a connection */
bool marking[CONNECTIONS];    /* INSERT of the marker that has not committed */

/* What is checked: nobody reads it. */
byte highest = 0;             /* token that was ever given */
bool told_not[CONNECTIONS];   /* the worker was told that its last request had no effect */
bool has_effect[CONNECTIONS];

byte lost = 0;
bool orphan[CONNECTIONS];     /* nobody waits for its answer */

chan request[CONNECTIONS] = [1] of { mtype, byte, byte }; /* what, session, claim number or token */
chan answer[CONNECTIONS] = [1] of { mtype, byte };        /* what, token */

#define is_dead(s) (!row[s] || past[s])

/* A commit that the worker was told would not be. */
inline effect() {
  assert(!told_not[me]);
  has_effect[me] = true
}

/* Answers, and forgets all, so that fewer states differ. */
inline reply(says, value) {
  answer[me]!says,value;
  what = 0; s = 0; n = 0; seen_token = 0; seen_holder = 0; locked = false; evicts = false
}

/* FOR KEY SHARE of the session's row: waits for its deletion, and sees it. */
inline lock_session() {
  atomic {
    !deleting[s];
    if
    :: row[s] -> key_share[s]++
    :: else -> goto expired
    fi
  }
}

proctype Connection(byte me) {
  mtype what;
  byte s, n, seen_token, seen_holder;
  bool evicts, locked;
end_idle:
  atomic {
    request[me]?what,s,n;
    if
    :: what == CLAIM -> goto claim
    :: what == TRANSACT -> goto transact
    :: what == END -> goto end_work
    fi
  }

  /* ClaimWork: one statement. Reads, then takes what is still as it was read. */
claim:
  atomic {
    if
    :: is_dead(s) -> reply(EXPIRED, 0); goto end_idle
    :: else
    fi;
    seen_token = token; seen_holder = holder;
    if
    :: seen_holder != 0 && !is_dead(seen_holder) -> reply(NOTHING, 0); goto end_idle
    :: else
    fi;
    evicts = seen_holder != 0 && row[seen_holder]
  }
  lock_session();
  atomic {
    locked = true;
#ifndef NO_VOID
    if
    :: void_claims[s] >= n -> key_share[s]--; reply(VOID, 0); goto end_idle
    :: else
    fi
#endif
  }
  /* Its dead holder's row is deleted, which waits for every commit that has sealed itself by it. */
  if
  :: evicts ->
    atomic {
      key_share[seen_holder] == 0 && !deleting[seen_holder];
      if
      :: row[seen_holder] -> deleting[seen_holder] = true
      :: else -> key_share[s]--; reply(NOTHING, 0); goto end_idle /* somebody else has: it is theirs to take */
      fi
    }
  :: else
  fi;
  atomic {
    work_lock == NOBODY;
    work_lock = me;
#ifndef NO_GUARD
    if
    :: token != seen_token || holder != seen_holder ->
      work_lock = NOBODY; key_share[s]--; 
      if :: evicts -> deleting[seen_holder] = false; row[seen_holder] = false :: else fi;
      reply(NOTHING, 0); goto end_idle
    :: else
    fi
#endif
  }
  atomic {
    /* COMMIT */
    if :: evicts -> deleting[seen_holder] = false; row[seen_holder] = false :: else fi;
    token = seen_token + 1; holder = s; claimed_by = n;
    work_lock = NOBODY; key_share[s]--;
    assert(token > highest);
    highest = token;
    effect();
    reply(DONE, token);
    goto end_idle
  }

  /* session.transact of held work: fence and proof in its snapshot, seal in the message of the COMMIT. */
transact:
  atomic {
    if
#ifndef NO_FENCE
    :: !row[s] -> reply(EXPIRED, 0); goto end_idle
#endif
#ifndef NO_TOKEN
    :: row[s] && (token != n || holder != s) -> reply(REFUSED, 0); goto end_idle
#endif
    :: else
    fi
  }
  /* The body runs here, for as long as it takes; a connection that is lost now is rolled back, or not yet. */
  if
  :: orphan[me] -> goto end_idle
  :: true
  fi;
#if !defined(COCKROACH) && !defined(NO_SEAL)
  lock_session();
  locked = true;
  atomic {
    work_lock == NOBODY;
    work_lock = me;
    if
#ifndef NO_TOKEN
    :: token != n || holder != s -> work_lock = NOBODY; key_share[s]--; reply(REFUSED, 0); goto end_idle
#endif
    :: else
    fi
  }
#endif
#ifndef NO_MARKER
  atomic {
    !marking[me];
    if
    :: unmarked[me] ->
      if :: locked -> work_lock = NOBODY; key_share[s]-- :: else fi;
      reply(REFUSED, 0); goto end_idle
    :: else -> marking[me] = true
    fi
  }
#endif
  atomic {
    marking[me] = false;
#ifdef COCKROACH
    /* What it read is validated: an eviction, an end or a take-over since then makes it fail. */
    if
#ifndef NO_FENCE
    :: !row[s] -> reply(EXPIRED, 0); goto end_idle
#endif
#ifndef NO_TOKEN
    :: row[s] && (token != n || holder != s) -> reply(REFUSED, 0); goto end_idle
#endif
    :: else
    fi;
#endif
    /* COMMIT. This is the promise. */
    assert(row[s]);
    assert(token == n && holder == s);
    marked[me] = true;
    effect();
    if :: locked -> work_lock = NOBODY; key_share[s]-- :: else fi;
    reply(DONE, 0);
    goto end_idle
  }

  /* ReleaseWork, and finish by a statement: proof and change in one. */
end_work:
  atomic {
    if
    :: !row[s] -> reply(EXPIRED, 0); goto end_idle
    :: else
    fi
  }
  lock_session();
  atomic {
    work_lock == NOBODY;
    if
    :: token != n || holder != s -> key_share[s]--; reply(REFUSED, 0); goto end_idle
    :: else -> work_lock = me
    fi
  }
  atomic {
    holder = 0;
    assert(!ended[n]);
    ended[n] = true;
    work_lock = NOBODY; key_share[s]--;
    effect();
    reply(DONE, 0);
    goto end_idle
  }

expired:
  atomic { reply(EXPIRED, 0); goto end_idle }
}

/* Sends a request, and waits for its answer, or loses it. */
inline ask(what, value) {
  atomic {
    request[at]!what,s,value
  }
  atomic {
    if
    :: answer[at]?got,value_of ->
      if
      :: got == DONE -> assert(has_effect[at])
      :: else -> assert(!has_effect[at])
      fi;
      has_effect[at] = false; marked[at] = false
    :: lost < LOST && at == me -> lost++; orphan[at] = true; got = 0; before = at; at = me + 2
    fi
  }
}

proctype Worker(byte me) {
  byte at = me, before = me;
  byte s, number, mine, value_of, sessions = 0;
  mtype got;
  bool ambiguous;
start:
  atomic {
    if
    :: sessions == SESSIONS_OF(me) -> goto stop
    :: else
    fi;
    mine = 0;
    s = me + 1 + 2 * sessions;
    sessions++;
    row[s] = true; number = 0
  }

claim:
  atomic {
    if
    :: number == CLAIMS_OF(me) -> goto stop
    :: else -> number++
    fi
  }
  ask(CLAIM, number);
  if
  :: got == DONE -> mine = value_of
  :: got == EXPIRED -> goto start
  :: got == NOTHING || got == VOID -> goto claim
  :: got == 0 ->
    /* HoldClaims: waits for what is under way. Then VoidClaims, in the same transaction. */
    atomic {
      (key_share[s] == 0 && !deleting[s]) || !row[s];
      if
      :: !row[s] -> told_not[before] = !has_effect[before]; goto start
      :: else -> void_claims[s] = number
      fi
    }
    /* ClaimedBy */
    atomic {
      if
      :: holder == s && claimed_by == number -> mine = token; assert(has_effect[before]); has_effect[before] = false
      :: else ->
        /* Taken over already, or never taken: nothing of it is this worker's now, nor will be. */
        told_not[before] = true;
        goto claim
      fi
    }
  fi;

transact:
  if
  :: true -> ask(TRANSACT, mine)
  :: at == me && me == 0 ->
    /* Another part of the program ends the work while the transaction is under way: a timeout, or a stop. */
    atomic { request[me]!TRANSACT,s,mine; request[me + 2]!END,s,mine }
    atomic { answer[me + 2]?got,value_of; has_effect[me + 2] = false }
    atomic {
      answer[me]?got,value_of;
      assert(has_effect[me] == (got == DONE));
      has_effect[me] = false; marked[me] = false
    }
    if
    :: got == EXPIRED -> goto start
    :: else -> goto claim
    fi
  fi;
  if
  :: got == DONE
  :: got == EXPIRED -> goto start
  :: got == REFUSED -> goto claim
  :: got == 0 ->
    /* ResolveMarker */
    atomic {
      !marking[before];
      if
      :: marked[before] -> assert(has_effect[before]); has_effect[before] = false; marked[before] = false
      :: else -> unmarked[before] = true; told_not[before] = true; assert(!has_effect[before])
      fi
    }
  fi;
finish:
  ambiguous = false;
  ask(END, mine);
  if
  :: got == 0 -> ambiguous = true; ask(END, mine)
  :: else
  fi;
  if
  :: got == DONE -> if :: ambiguous -> told_not[before] = true :: else fi; goto claim
  :: got == EXPIRED -> goto start
  :: got == REFUSED ->
    atomic {
      /* EndedKeys */
      if
#ifndef NO_HISTORY
      :: ended[mine] -> assert(ambiguous && has_effect[before]); has_effect[before] = false
#endif
      :: else -> assert(!has_effect[before])
      fi
    }
    goto claim
  :: got == 0 -> goto stop
  fi;

stop:
  skip
}

/* Sweeps up after sessions whose deadline is over: waits for commits that are sealed by their rows. */
proctype Janitor() {
  byte s;
end:
  do
  :: atomic { row[1] && past[1] && key_share[1] == 0 && !deleting[1] -> row[1] = false }
  :: atomic { row[2] && past[2] && key_share[2] == 0 && !deleting[2] -> row[2] = false }
  :: atomic { row[3] && past[3] && key_share[3] == 0 && !deleting[3] -> row[3] = false }
  od
}

/* Deadlines pass at any time: a worker that beats may stop at any moment, or be stopped. */
proctype Clock() {
end:
  do
  :: atomic { row[1] && !past[1] -> past[1] = true }
  :: atomic { row[2] && !past[2] -> past[2] = true }
  :: atomic { row[3] && !past[3] -> past[3] = true }
  od
}

init {
  atomic {
    run Connection(0); run Connection(1); run Connection(2); run Connection(3);
    run Worker(0); run Worker(1);
    run Janitor(); run Clock()
  }
}
