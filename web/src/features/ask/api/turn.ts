import type { Answer, AnswerSource } from '@/lib/api/types';
import type { ServerEvent } from '@/lib/api/sse';
import { sliceChars } from '@/lib/codepoints';

/** A question, and how far its answer is. */
export interface Turn {
  question: string;
  answer: string;
  sources: AnswerSource[];
  state: 'searching' | 'writing' | 'done' | 'stopped' | 'failed';
  /** Of done: what the server says about it. */
  model?: string;
  grounded?: boolean;
  complete?: boolean;
  warning?: string;
  leftOut?: Answer['left_out'];
  error?: string;
  /** From asking to the end. */
  ms?: number;
}

export interface Message {
  role: 'user' | 'assistant';
  content: string;
}

/** What POST /ask takes of a history. */
const most_messages = 50;
const most_chars = 20_000;

export const ask = (question: string): Turn => ({ question, answer: '', sources: [], state: 'searching' });

export const isRunning = (turn: Turn): boolean => turn.state === 'searching' || turn.state === 'writing';

/** The turn after an event of the stream; what is not JSON is no news. */
export function heard(turn: Turn, event: ServerEvent): Turn {
  let data: unknown;

  try {
    data = JSON.parse(event.data);
  } catch {
    return turn;
  }
  switch (event.name) {
    case 'sources':
      return { ...turn, state: 'writing', sources: (data as Pick<Answer, 'sources'>).sources };
    case 'token':
      return { ...turn, state: 'writing', answer: turn.answer + (data as { text: string }).text };
    case 'done': {
      const { answer, model, grounded, complete, warning, left_out } = data as Answer;

      return { ...turn, state: 'done', answer, model, grounded, complete, warning, leftOut: left_out };
    }
    case 'error':
      return { ...turn, state: 'failed', error: (data as { error?: string }).error ?? 'No answer could be made.' };
    default:
      return turn;
  }
}

/** A stream that ended without saying so. */
export function ended(turn: Turn): Turn {
  return isRunning(turn) ? { ...turn, state: 'failed', error: 'The answer broke off.' } : turn;
}

/** Of turns the conversation that goes along with the next question. */
export function historyOf(turns: Turn[]): Message[] {
  const messages = turns
    .filter((turn) => turn.answer.trim() !== '' && turn.grounded !== false)
    .flatMap(({ question, answer }): Message[] => [
      { role: 'user', content: question },
      { role: 'assistant', content: sliceChars(answer, 0, most_chars) },
    ]);

  return messages.slice(-most_messages);
}
