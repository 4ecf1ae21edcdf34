import type { ComponentType } from 'react';
import {
  AskIcon, DocumentsIcon, LiveIcon, OpsIcon, PapersIcon, TodayIcon,
} from '@/components/icons';
import { useHas, type Service } from '@/lib/services';

export interface PageLink {
  to: string;
  name: string;
  /** Short enough for the bar of a phone. */
  short: string;
  keys: string;
  icon: ComponentType;
  /** Without which it has nothing to show. */
  of?: Service;
}

const pages: PageLink[] = [
  { to: '/', name: 'Today', short: 'Today', keys: 'g t', icon: TodayIcon },
  { to: '/papers', name: 'Papers', short: 'Papers', keys: 'g p', icon: PapersIcon, of: 'backend' },
  { to: '/documents', name: 'Documents', short: 'Docs', keys: 'g d', icon: DocumentsIcon, of: 'processor' },
  { to: '/ask', name: 'Ask', short: 'Ask', keys: 'g a', icon: AskIcon, of: 'processor' },
  { to: '/live', name: 'Live', short: 'Live', keys: 'g l', icon: LiveIcon, of: 'analytics' },
  { to: '/ops', name: 'Operations', short: 'Ops', keys: 'g o', icon: OpsIcon },
];

/** Those that this server has something for. */
export function usePages(): PageLink[] {
  const has = useHas();

  return pages.filter(({ of }) => of === undefined || has(of) !== false);
}
