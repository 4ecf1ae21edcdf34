import type { ComponentType } from 'react';
import {
  AskIcon, DocumentsIcon, LiveIcon, OpsIcon, PapersIcon, TodayIcon,
} from '@/components/icons';

export interface PageLink {
  to: string;
  name: string;
  /** Short enough for the bar of a phone. */
  short: string;
  keys: string;
  icon: ComponentType;
}

export const pages: PageLink[] = [
  { to: '/', name: 'Today', short: 'Today', keys: 'g t', icon: TodayIcon },
  { to: '/papers', name: 'Papers', short: 'Papers', keys: 'g p', icon: PapersIcon },
  { to: '/documents', name: 'Documents', short: 'Docs', keys: 'g d', icon: DocumentsIcon },
  { to: '/ask', name: 'Ask', short: 'Ask', keys: 'g a', icon: AskIcon },
  { to: '/live', name: 'Live', short: 'Live', keys: 'g l', icon: LiveIcon },
  { to: '/ops', name: 'Operations', short: 'Ops', keys: 'g o', icon: OpsIcon },
];
