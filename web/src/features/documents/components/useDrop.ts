import { useEffect, useState } from 'react';

/** A folder stands for the files in it. */
async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => { (entry as FileSystemFileEntry).file(resolve, reject); })];
  }

  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];

  for (;;) {
    // A call gives a hundred at most, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => { reader.readEntries(resolve, reject); });

    if (some.length === 0) return files;
    for (const inner of some) if (!inner.name.startsWith('.')) files.push(...await filesOf(inner));
  }
}

async function dropped(data: DataTransfer): Promise<File[]> {
  // Before anything is waited for: the browser empties the list then.
  const plain = [...data.files];
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry() ?? []);

  if (!entries.some((entry) => entry.isDirectory)) return plain;
  return (await Promise.all(entries.map(filesOf))).flat();
}

/** Files that are dropped anywhere in the window; true while some are above it. */
export function useDrop(take: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);

  useEffect(() => {
    let depth = 0; // of elements that the pointer entered and has not left
    const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth++;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (holdsFiles(event) && --depth <= 0) setOver(false);
    };
    const above = (event: DragEvent) => {
      if (holdsFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!holdsFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      void dropped(event.dataTransfer).then(take);
    };
    const all = { dragenter: enter, dragleave: leave, dragover: above, drop };

    for (const [name, handle] of Object.entries(all)) window.addEventListener(name, handle as EventListener);
    return () => {
      for (const [name, handle] of Object.entries(all)) window.removeEventListener(name, handle as EventListener);
    };
  }, [take]);
  return over;
}
