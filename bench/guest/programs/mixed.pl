# Work of the kind that Perl programs do: regular expressions over text, hashes, sorting, string building.
use strict;
use warnings;

my ($scale, $file) = @ARGV;
open(my $in, '<', $file) or die "$file: $!";
my @lines = <$in>;
close $in;

for my $turn (1 .. $scale) {
    my (%count, %pairs);
    my ($vowels, $matches, $longest) = (0, 0, '');
    for my $line (@lines) {
        my $previous = '';
        for my $word (split /\s+/, $line) {
            $count{$word}++;
            $pairs{substr($previous, -1) . substr($word, 0, 1)}++ if $previous;
            $previous = $word;
            $longest = $word if length $word > length $longest;
        }
        $vowels += ($line =~ tr/aeiou//);
        $matches++ while $line =~ /\b([bcdf])[aeiou]\w*?([aeiou])\b/g;
        (my $swapped = $line) =~ s/(\w+) (\w+)/$2 $1/g;
        $matches += length($swapped) % 3;
    }
    my @top = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
    print join(' ', $turn, $vowels, $matches, $longest, scalar(keys %pairs), map { "$_=$count{$_}" } @top), "\n";
}
