/* The limit: unpack every gzip file below a directory with libdeflate, on two
 * threads, whole files, buffers reused, output dropped. Prints the bytes.
 *
 * cc -O2 -o limit limit.c -ldeflate -lpthread */
#include <dirent.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct file { char *name; size_t size; } *files;
static size_t count;
static atomic_size_t next_file;
static atomic_ullong total;

static int larger_first(const void *a, const void *b)
{
	size_t x = ((const struct file *)a)->size, y = ((const struct file *)b)->size;
	return (x < y) - (x > y);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *work(void *unused)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t in_cap = 0, out_cap = 0;
	unsigned char *in = NULL, *out = NULL;
	for (size_t i; (i = atomic_fetch_add(&next_file, 1)) < count;) {
		size_t size = files[i].size, used, made, at = 0;
		if (size > in_cap)
			in = realloc(in, in_cap = size + size / 4);
		if (size * 8 > out_cap)
			out = realloc(out, out_cap = size * 8);
		int fd = open(files[i].name, O_RDONLY);
		if (fd < 0 || read(fd, in, size) != (ssize_t)size)
			die(files[i].name);
		close(fd);
		while (at < size) {
			enum libdeflate_result r = libdeflate_gzip_decompress_ex(d, in + at, size - at, out, out_cap, &used, &made);
			if (r == LIBDEFLATE_INSUFFICIENT_SPACE) {
				out = realloc(out, out_cap *= 2);
				continue;
			}
			if (r != LIBDEFLATE_SUCCESS) {
				fprintf(stderr, "%s: libdeflate says %d\n", files[i].name, r);
				exit(1);
			}
			at += used;
			atomic_fetch_add(&total, made);
		}
	}
	return unused;
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]))
		die("limit DIRECTORY");
	DIR *dir = opendir(".");
	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct stat s;
		if (stat(e->d_name, &s) || !S_ISREG(s.st_mode))
			continue;
		files = realloc(files, (count + 1) * sizeof *files);
		files[count].name = strdup(e->d_name);
		files[count++].size = s.st_size;
	}
	qsort(files, count, sizeof *files, larger_first);
	pthread_t other;
	if (pthread_create(&other, NULL, work, NULL))
		die("thread");
	work(NULL);
	pthread_join(other, NULL);
	printf("%llu\n", (unsigned long long)total);
	return 0;
}
