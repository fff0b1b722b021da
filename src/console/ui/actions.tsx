import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { Offer, SentConsole } from '../wire.ts';
import { act } from './api.tsx';

export const AboutContext = createContext<SentConsole | undefined>(undefined);
export const ActContext = createContext<(offer: Offer) => void>(() => {});

/** Buttons for what may be done here; none where the console only reads. */
export function Offers({ offers }: { readonly offers: readonly Offer[] }) {
  const about = useContext(AboutContext);
  const choose = useContext(ActContext);
  const known = offers.flatMap((offer) => {
    const action = about?.actions.find(({ id }) => id === offer.action);
    return action ? [{ offer, action }] : [];
  });
  if (known.length === 0) return null;
  return (
    <div class="offers">
      {known.map(({ offer, action }) => {
        const whom = Object.values(offer.args).filter(Boolean).join(' ');
        return (
          <button
            type="button"
            key={action.id + whom}
            title={action.about}
            aria-label={`${action.title}: ${whom}`}
            onClick={() => choose(offer)}
          >
            {known.some((other) => other.offer !== offer && other.action === action)
              ? `${action.title}: ${whom}`
              : action.title}
          </button>
        );
      })}
    </div>
  );
}

interface DialogProps {
  readonly offer: Offer;
  onClose(): void;
  onDone(said: string): void;
}

/** Says what the action does, asks for its values and for the reason, and does it. */
export function ActionDialog({ offer, onClose, onDone }: DialogProps) {
  const about = useContext(AboutContext);
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const action = about?.actions.find(({ id }) => id === offer.action);
  if (!about || !action) return null;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const fields = action.fields.map(({ name }) => [name, String(form.get(`field ${name}`) ?? '')] as const);
    setBusy(true);
    setProblem(undefined);
    try {
      const args = { ...Object.fromEntries(fields), ...offer.args };
      onDone(await act(about, action.id, args, String(form.get('reason') ?? '')));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="action-title" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id="action-title">{action.title}</h2>
        <p>{action.about}</p>
        <dl class="facts">
          {Object.entries(offer.args).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
          <div>
            <dt>by</dt>
            <dd>{about.author}</dd>
          </div>
        </dl>
        {action.fields.map(({ name, label, choices = offer.choices?.[name], isOptional }) => (
          <div key={name} class="field">
            <label for={`field-${name}`}>{label}</label>
            {choices && choices.length > 0 ? (
              <select id={`field-${name}`} name={`field ${name}`} required={!isOptional}>
                {choices.map((choice) => (
                  <option key={choice}>{choice}</option>
                ))}
              </select>
            ) : (
              <input id={`field-${name}`} name={`field ${name}`} required={!isOptional} autocomplete="off" />
            )}
          </div>
        ))}
        <label>
          Why? It stays in the history.
          <textarea name="reason" rows={2} required maxLength={1_000} />
        </label>
        {problem !== undefined && (
          <p class="failure" role="alert">
            {problem}
          </p>
        )}
        <div class="buttons">
          <button type="submit" class="main" disabled={isBusy}>
            {action.title}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </form>
    </dialog>
  );
}
