/* dynlib.c - see dynlib.h. */
#include "base/dynlib.h"

#include <dlfcn.h>

static enum err_code load(struct dynlib *lib, void *pointers, struct err *e)
{
    void *handle = dlopen(lib->soname, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return err_set(e, ERR_UNAVAILABLE,
                       "%s is needed here (Debian package %s): %s", lib->soname,
                       lib->package, dlerror());
    for (size_t i = 0; i < lib->n_symbols; i++) {
        const struct dynlib_symbol *sym = &lib->symbols[i];
        void *f = dlsym(handle, sym->name);

        if (!f)
            return err_set(e, ERR_UNAVAILABLE,
                           "%s is too old: it has no %s; upgrade the Debian"
                           " package %s",
                           lib->soname, sym->name, lib->package);
        /* POSIX lets a pointer to a function be stored this way. */
        *(void **)((char *)pointers + sym->offset) = f;
    }
    lib->loaded = true;
    return ERR_NONE;
}

enum err_code dynlib_load(struct dynlib *lib, void *pointers, struct err *e)
{
    enum err_code rc = ERR_NONE;

    pthread_mutex_lock(&lib->lock);
    if (!lib->loaded)
        rc = load(lib, pointers, e);
    pthread_mutex_unlock(&lib->lock);
    return rc;
}
