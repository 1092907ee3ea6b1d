using Microsoft.AspNetCore.Http.Features;
using Usher.Core;
using Usher.Server.Limits;

namespace Usher.Server.Errors;

/// <summary>The one reader of posted forms, for pages and APIs alike.</summary>
public static class PostedForm
{
    private const int MaxBytes = GuestGate.MaxGuestBodyBytes;

    private static readonly FormOptions Limits = new()
    {
        // In memory: nothing of a form is ever written to a file. Twice the size, so that a form that is too long is
        // told as that.
        MemoryBufferThreshold = 2 * MaxBytes, BufferBodyLengthLimit = 2 * MaxBytes,
        MultipartBodyLengthLimit = 2 * MaxBytes, ValueLengthLimit = 2 * MaxBytes,
    };

    /// <summary>Reads a form that was posted. A second call, and the framework, get what the first has read.</summary>
    /// <returns> The fields. Refused with <c>wrong_media_type</c> for what is no form, with <c>too_large</c> beyond 64
    /// KiB, and with <c>unreadable</c> for a form that breaks the rules of its media type. </returns>
    public static async Task<Result<FormCollection>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!request.HasFormContentType) return HostErrors.WrongMediaType with { Message = "The body must be a form." };
        if (request.ContentLength > MaxBytes) return HostErrors.TooLarge;
        if (request.HttpContext.Features.Get<IFormFeature>() is not { Form: not null })
            request.HttpContext.Features.Set<IFormFeature>(new FormFeature(request, Limits));
        try
        {
            return (FormCollection)await request.ReadFormAsync(ct);
        }
        catch (BadHttpRequestException e) when (e.StatusCode is StatusCodes.Status413PayloadTooLarge)
        {
            return HostErrors.TooLarge;
        }
        catch (Exception e) when (
            e is InvalidDataException or IOException or ArgumentException or FormatException or NotSupportedException)
        {
            // no boundary, a part that does not end, headers that are none, more fields than a form may have, text in
            // UTF-7
            return HostErrors.Unreadable;
        }
    }
}
