import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { MoonIcon, SunIcon } from '@/components/icons';

export function SchemeToggle() {
  // To stop transitions Mantine would add a <style>, which the CSP refuses.
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const dark = useComputedColorScheme('light') === 'dark';

  return (
    <ActionIcon
      variant="subtle" color="gray" size={32}
      aria-label={dark ? 'Use light colours' : 'Use dark colours'}
      onClick={() => { setColorScheme(dark ? 'light' : 'dark'); }}
    >
      {dark ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  );
}
