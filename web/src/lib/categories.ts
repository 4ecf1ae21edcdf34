/**
 * The categories that come with sheaf (docs/scraper.md).  Its table can be
 * edited: a category that is not here is not wrong, the server knows.
 */
export const categories: Record<string, string> = {
  llm: 'Language models', rag: 'Retrieval', cv: 'Vision', nlp: 'Language', rl: 'Reinforcement learning',
  robotics: 'Robotics', audio: 'Audio', graph: 'Graphs', theory: 'Theory', systems: 'Systems',
};
