import type { ReactNode } from 'react';

/* Line icons of the rail and of buttons without words; each says its name
   through the control that it is in. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      width="18" height="18" viewBox="0 0 18 18" fill="none" stroke="currentColor"
      strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const TodayIcon = () => (
  <Icon><circle cx="9" cy="9" r="3" /><path d="M9 1.5v2M9 14.500v2M1.500 9h2M14.500 9h2M3.700 3.700l1.400 1.400M12.900 12.900l1.400 1.400M3.700 14.300l1.400-1.400M12.900 5.100l1.400-1.400" /></Icon>
);
export const PapersIcon = () => (
  <Icon><path d="M4 2.500h7l3 3v10H4z" /><path d="M6.500 8h5M6.500 11h5" /></Icon>
);
export const DocumentsIcon = () => (
  <Icon><path d="M2 4.500h5l1.500 2H16v8H2z" /></Icon>
);
export const AskIcon = () => (
  <Icon><path d="M2.500 3h13v9h-7l-3.500 3v-3H2.500z" /></Icon>
);
export const LiveIcon = () => (
  <Icon><path d="M1.500 9h3l2.500-6 4 12 2.500-6h3" /></Icon>
);
export const OpsIcon = () => (
  <Icon><path d="M2 5h7M13 5h3M2 13h3M9 13h7" /><circle cx="11" cy="5" r="2" /><circle cx="7" cy="13" r="2" /></Icon>
);
export const StarIcon = ({ filled = false }: { filled?: boolean }) => (
  <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" strokeWidth="1.3"
    fill={filled ? 'currentColor' : 'none'} stroke="currentColor" strokeLinejoin="round">
    <path d="M8 1.800l1.900 3.900 4.300.6-3.100 3 .7 4.300L8 11.600l-3.800 2 .7-4.300-3.100-3 4.300-.6z" />
  </svg>
);
export const CloseIcon = () => <Icon><path d="M4.500 4.500l9 9M13.500 4.500l-9 9" /></Icon>;
export const TrashIcon = () => (
  <Icon><path d="M3 5h12M7 5V3h4v2M4.500 5l.700 10h7.600l.700-10M7.500 8v4.500M10.500 8v4.500" /></Icon>
);
export const SearchIcon = () => <Icon><circle cx="8" cy="8" r="5" /><path d="M12 12l3.500 3.500" /></Icon>;
export const MoonIcon = () => <Icon><path d="M15 10.500A6.500 6.500 0 017.500 3a6.500 6.500 0 107.500 7.500z" /></Icon>;
export const SunIcon = TodayIcon;
