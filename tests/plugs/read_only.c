/* Preloaded into a process, makes the folder PLUGS_DISK read-only for it while the first byte of the file PLUGS_SWITCH
   is not zero: as when a file system met an error and refuses writes to files that are open already. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int off(void)
{
    static volatile char *place;
    if (!place) {
        const char *name = getenv("PLUGS_SWITCH");
        int file = name ? REAL(open)(name, O_RDONLY | O_CLOEXEC) : -1;
        void *found = file < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0)
            close(file);
        if (found == MAP_FAILED)
            return 0;
        place = found;
    }
    return *place != 0;
}

static int inside(const char *path)
{
    const char *disk = getenv("PLUGS_DISK");
    return disk && path && strncmp(path, disk, strlen(disk)) == 0;
}

static int refused(const char *path)
{
    if (!off() || !inside(path))
        return 0;
    errno = EROFS;
    return 1;
}

static int refused_file(int file)
{
    char name[64], path[PATH_MAX];
    if (!off())
        return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return refused(path);
}

static int opens(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) && refused(path))
        return -1;
    return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list more)
{
    return flags & O_CREAT ? (mode_t)va_arg(more, int) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return opens("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return opens("open64", path, flags, mode);
}

ssize_t write(int file, const void *data, size_t length)
{
    return refused_file(file) ? -1 : REAL(write)(file, data, length);
}

ssize_t pwrite(int file, const void *data, size_t length, off_t at)
{
    return refused_file(file) ? -1 : REAL(pwrite)(file, data, length, at);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t at)
{
    return refused_file(file) ? -1 : REAL(pwrite64)(file, data, length, at);
}

int ftruncate(int file, off_t length)
{
    return refused_file(file) ? -1 : REAL(ftruncate)(file, length);
}

int ftruncate64(int file, off64_t length)
{
    return refused_file(file) ? -1 : REAL(ftruncate64)(file, length);
}

int unlink(const char *path)
{
    return refused(path) ? -1 : REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    return refused(path) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    return refused(to) ? -1 : REAL(rename)(from, to);
}

int statvfs(const char *restrict path, struct statvfs *restrict found)
{
    int answer = REAL(statvfs)(path, found);
    if (answer == 0 && off() && inside(path))
        found->f_flag |= ST_RDONLY;
    return answer;
}
