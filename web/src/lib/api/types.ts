import type { components, paths } from './schema';

type Json<R> = R extends { content: { 'application/json': infer T } } ? T : never;
type Ok<O> = O extends { responses: infer R }
  ? Json<R[keyof R & (200 | 201 | 202)]>
  : never;

/** The reply of `GET path`. */
export type Got<P extends keyof paths> = paths[P] extends { get: infer O } ? Ok<O> : never;
/** The query parameters of `GET path`. */
export type Params<P extends keyof paths> = paths[P] extends {
  get: { parameters: { query?: infer Q } };
}
  ? NonNullable<Q>
  : never;
export type Row<T> = T extends { results: (infer R)[] } ? R : never;

type Schemas = components['schemas'];

export type Paper = Row<Got<'/api/papers/'>>;
export type Job = Got<'/jobs/{id}'>;
export type IngestJob = Schemas['IngestJob'];
export type JobAccepted = Schemas['JobAccepted'];
export type Document = Schemas['Document'];
export type DocumentText = Schemas['DocumentText'];
export type Passage = Schemas['Passage'];
export type Answer = Schemas['Answer'];
export type AnswerSource = Schemas['AnswerSource'];
export type Session = Got<'/session'>;
